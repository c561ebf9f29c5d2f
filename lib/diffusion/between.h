/* Points between two codes. */
#ifndef DIFFUSION_BETWEEN_H
#define DIFFUSION_BETWEEN_H

#include <stddef.h>

/* out = (1-t) a + t b, n numbers. At t = 0 and t = 1 the ends, bit for bit. out may be a or b. */
void between_lerp(float *out, const float *a, const float *b, size_t n, double t);

/* Along the great arc: with w = arccos(a.b / |a||b|), out = (sin((1-t) w) a + sin(t w) b) / sin(w) (Shoemake 1985), a and b being taken as
 * vectors of n numbers. Vectors that are (nearly) parallel, opposite or zero have no arc of their own: linear. At t = 0 and t = 1 the ends,
 * bit for bit. out may be a or b. */
void between_slerp(float *out, const float *a, const float *b, size_t n, double t);

#endif
