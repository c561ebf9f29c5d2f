#include "probe/code.h"

#include <string.h>

#include "base/mem.h"

static int check_maker(code_maker *m, const lat_tensor *t, err *e)
{
	const json_t *model = json_object_get(t->meta, "model");
	const char *kind = json_string_value(json_object_get(model, "kind")), *identity = kind ? lat_model_identity(t, kind) : NULL;
	if (!identity || strlen(identity) != SHA_TEXT - 1)
		return 0;
	if (!m->kind) {
		memcpy(m->identity, identity, SHA_TEXT);
		return mem_text(&m->kind, kind, e);
	}
	if (m->any || (!strcmp(m->kind, kind) && !strcmp(m->identity, identity)))
		return 0;
	return err_set(e, ERR_DATA, "%s was made by the model %.60s %.12s, not by %.60s %.12s (--any-model takes it all the same)", t->name,
		       kind, identity, m->kind, m->identity);
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
