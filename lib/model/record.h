/* What records bring to a model: is it of the model's shape, and of the models it works with? */
#ifndef MODEL_RECORD_H
#define MODEL_RECORD_H

#include "base/err.h"
#include "format/lat.h"

/* Compares the identity of the model that made tensor t (NULL: not known) with that of the one at hand (NULL: not known, or any will do).
 * ERR_DATA when they are two. */
int record_made_by(const lat_tensor *t, const char *theirs, const char *ours, err *e);
/* Tensor NAME as floats, copied to v. ERR_DATA: not there, of another shape than shape [rank], made by another model than made_by
 * (record_made_by), not finite; ERR_OS. */
int record_floats(float *v, lat_record *r, const char *name, int rank, const int64_t *shape, const char *made_by, err *e);

#endif
