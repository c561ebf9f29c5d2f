/* Weights in eight bits, as files may hold them: a quarter of the room of float32.
 *
 * Tensor NAME of a layer, [rows, ..] with a row for each output channel, is I8, and beside it F32 "NAME_scale" [rows] says what one unit
 * is worth in each row: w = q * scale. The largest of a row is 127, so a weight is off by 1/254 of that at most; the rms error of weights
 * that are normally distributed is some .8 % of theirs. */
#ifndef MODEL_EIGHT_BITS_H
#define MODEL_EIGHT_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/safetensors.h"

#define EIGHT_BITS_SCALE "_scale"

/* Whether a tensor of this shape is stored so: matrices and convolutions whose rows are long enough for a scale to be worth its room. What
 * belongs to places and not to layers (the latents' mean, the prior), norms and biases are not. */
bool eight_bits_fits(int rank, const int64_t *n);
/* v [rows][each], finite -> q of the same shape, scale [rows]. A row of zeros has the scale 1. */
void eight_bits_store(int8_t *q, float *scale, const float *v, size_t rows, size_t each);
/* The other tensor that holds the scale of t; NULL when t is not stored so. ERR_CONFIG when there is one that cannot be its scale. */
int eight_bits_find(const st_tensor **scale, const st_file *f, const st_tensor *t, err *e);
/* v, the whole numbers of t, times the scale of their rows. */
void eight_bits_apply(float *v, const st_tensor *t, const st_tensor *scale);
/* Is t the scale of another tensor of f? */
bool eight_bits_is_scale(const st_file *f, const st_tensor *t);

#endif
