/* Weights as kernels read them: 16-bit values as floats, and layouts of their own that last from run to run. Not for users of nn. */
#ifndef NN_PACKED_WEIGHTS_H
#define NN_PACKED_WEIGHTS_H

#include <stdbool.h>

#include "nn/param.h"

/* Floats of work space that weights_of takes: none where the values are floats. */
size_t weights_room(const param *w);
/* The values of w as floats: where they are, or widened in work. */
const float *weights_of(const param *w, float *work, int threads);
/* Values at .. at+n-1 of w as floats, in `to`. */
void weights_part(const param *w, size_t at, size_t n, float *to);

/* Bytes of a layout of so many floats with what tells whether it is still that of the weights. */
size_t packed_bytes(size_t floats);
/* Its floats, 64-byte aligned; lasts: packed_bytes, zeroed at first. *stale: the weights have changed since, or it is new: to be filled. */
float *packed_of(void *lasts, const param *w, bool *stale);

#endif
