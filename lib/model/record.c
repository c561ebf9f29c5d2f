#include "model/record.h"

#include <stdlib.h>
#include <string.h>

int record_made_by(const lat_tensor *t, const maker *ours, err *e)
{
	const maker theirs = maker_of(t);
	char text[MAKER_TEXT];
	if (!ours || maker_same(&theirs, ours, text))
		return 0;
	return err_set(e, ERR_DATA, "%s is of another model (%s %s of %s); --any-model takes it all the same", t->name,
		       theirs.kind ? theirs.kind : "network", text, ours->file ? ours->file : "the one given");
}

int record_floats(float *v, lat_record *r, const char *name, int rank, const int64_t *shape, const maker *made_by, err *e)
{
	char is[LAT_MAX_RANK * 21], wants[LAT_MAX_RANK * 21];
	lat_tensor *t, ours = { .rank = rank };
	float *values = NULL;
	int code = lat_need(r, name, &t, e);
	if (code)
		return code;
	code = record_made_by(t, made_by, e); /* first, for another model often has another shape, too */
	if (code)
		return code;
	if (!lat_has_shape(t, rank, shape)) {
		memcpy(ours.shape, shape, (size_t)rank * sizeof *shape);
		lat_shape_text(t, is);
		lat_shape_text(&ours, wants);
		return err_set(e, ERR_DATA, "%s has shape %s, the model's %s", name, is, wants);
	}
	if (!code)
		code = lat_floats(t, &values, e);
	if (!code)
		memcpy(v, values, (size_t)t->elements * sizeof *v);
	free(values);
	return code;
}
