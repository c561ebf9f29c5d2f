/* The kernels' own layouts of a weight, made at first use and kept with the parameter. Not for users of nn. */
#ifndef NN_PACK_H
#define NN_PACK_H

#include "nn/conv_job.h"

/* The values of w, for the time being if they are of 16 bits: give them back. NULL while planning or after an error. */
const float *weights_take(nn *c, const param *w);
void weights_give(nn *c, const param *w, const float *v);
/* Values at .. at+n-1 of w as floats. */
void weights_part(const param *w, size_t at, size_t n, float *to);

/* [out][in][taps] -> [taps][in][out], for more than one tap. NULL while planning or after an error. */
const float *pack_taps(nn *c, param *w, int out, int in, int taps);
/* Winograd-transformed; see wino_transform_weights. Kept like the others if `keep`, else to be given back; NULL as weights_take. */
const float *pack_wino_take(nn *c, param *w, wino_tile t, int out, int in, bool back, bool keep);
void pack_wino_give(nn *c, wino_tile t, int out, int in, bool back, bool keep, const float *u);

#endif
