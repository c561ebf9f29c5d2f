#include "probe/code.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/maker.h"

static int check_maker(code_maker *m, const lat_tensor *t, err *e)
{
	const maker its = maker_of(t), first = { m->kind, m->identity, m->conventions, NULL };
	char text[MAKER_TEXT];
	if (!its.kind || !its.identity || strlen(its.identity) != SHA_TEXT - 1)
		return 0;
	if (!m->kind) {
		memcpy(m->identity, its.identity, SHA_TEXT);
		m->conventions = json_incref((json_t *)its.conventions);
		return mem_text(&m->kind, its.kind, e);
	}
	if (m->any || (!strcmp(m->kind, its.kind) && maker_same(&its, &first, text)))
		return 0;
	if (!strcmp(m->kind, its.kind) && !strcmp(m->identity, its.identity))
		return err_set(e, ERR_DATA, "%s was made by the same weights with %s (--any-model takes it all the same)", t->name, text);
	return err_set(e, ERR_DATA, "%s was made by the model %.60s %.12s, not by %.60s %.12s (--any-model takes it all the same)", t->name,
		       its.kind, its.identity, m->kind, m->identity);
}

void code_maker_free(code_maker *m)
{
	free(m->kind);
	json_decref(m->conventions);
	*m = (code_maker){ .kind = NULL };
}

int code_read(float **code, size_t *n, code_maker *m, const probe *p, lat_record *r, err *e)
{
	lat_tensor *t;
	int status = lat_need(r, p->tensor, &t, e);
	if (!status)
		status = check_maker(m, t, e);
	if (status)
		return status;
	*n = (size_t)t->elements;
	if (p->n && *n != p->n)
		return err_set(e, ERR_DATA, "%s has %zu numbers, the probe %zu", p->tensor, *n, p->n);
	return lat_floats(t, code, e);
}
