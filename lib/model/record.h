/* What records bring to a model: is it of the model's shape, and of the models it works with? */
#ifndef MODEL_RECORD_H
#define MODEL_RECORD_H

#include "base/err.h"
#include "format/lat.h"
#include "format/maker.h"

/* Was tensor t made by the network at hand (NULL: any will do), by all that both tell of it (maker_same)? ERR_DATA names both. */
int record_made_by(const lat_tensor *t, const maker *ours, err *e);
/* Tensor NAME as floats, copied to v. ERR_DATA: not there, of another shape than shape [rank], made by another model than made_by
 * (record_made_by), not finite; ERR_OS. */
int record_floats(float *v, lat_record *r, const char *name, int rank, const int64_t *shape, const maker *made_by, err *e);

#endif
