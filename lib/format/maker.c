#include "format/maker.h"

#include <stdio.h>
#include <string.h>

#include "format/json.h"

/* A number as a number, whether it was written 1 or 1.0. */
static bool equal(const json_t *a, const json_t *b)
{
	return json_is_number(a) && json_is_number(b) ? json_number_value(a) == json_number_value(b) : json_equal(a, b);
}

bool maker_same(const maker *theirs, const maker *ours, char text[MAKER_TEXT])
{
	const char *key;
	json_t *v;
	if (theirs->identity && ours->identity && strcmp(theirs->identity, ours->identity)) {
		snprintf(text, MAKER_TEXT, "%.12s.., not %.12s..", theirs->identity, ours->identity);
		return false;
	}
	json_object_foreach((json_t *)theirs->conventions, key, v) {
		const json_t *mine = json_object_get(ours->conventions, key);
		char its[JSON_BRIEF], own[JSON_BRIEF];
		if (!mine || equal(v, mine))
			continue;
		json_brief(v, its);
		json_brief(mine, own);
		snprintf(text, MAKER_TEXT, "%.60s %s, not %s", key, its, own);
		return false;
	}
	return true;
}

maker maker_of(const lat_tensor *t)
{
	const json_t *m = json_object_get(t->meta, "model"), *conventions = json_object_get(m, "conventions");
	return (maker){ json_string_value(json_object_get(m, "kind")), json_string_value(json_object_get(m, "identity")),
			json_is_object(conventions) ? conventions : NULL, NULL };
}

int maker_put(lat_tensor *t, const maker *m, err *e)
{
	if (!m->identity)
		return 0;
	int code = lat_set_model(t, m->kind, m->identity, e);
	if (!code && m->conventions &&
	    json_object_set_new(json_object_get(t->meta, "model"), "conventions", json_deep_copy(m->conventions)))
		code = err_set(e, ERR_OS, "tensor %s: no memory", t->name);
	return code;
}
