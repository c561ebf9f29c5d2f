/* Vectors of LANES channels: what every file of kernels builds on. Included with LEVEL set; see the Makefile. */
#ifndef NN_KERNELS_VECTOR_H
#define NN_KERNELS_VECTOR_H

#include <stdint.h>

#include "nn/kernels/kernels.h"

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define TEXT2(a) #a
#define TEXT(a) TEXT2(a)

typedef float vf __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));
typedef int32_t vi __attribute__((vector_size(LANES * sizeof(int32_t)), aligned(4), may_alias));

/* What kernels.h calls panel: with fewer columns product.c leaves registers empty, and rows far apart share few sets of a cache. */
#if defined __AVX2__ && !defined __AVX512F__
enum { PANEL = 48 };
#else
enum { PANEL = 32 };
#endif

#define INLINE static inline __attribute__((always_inline))

INLINE vf get(const float *p) { return *(const vf *)p; }
INLINE void put(float *p, vf v) { *(vf *)p = v; }

/* The first n < LANES channels. */
INLINE vf get_some(const float *p, int n)
{
	vf v = { 0 };
	for (int l = 0; l < n; l++)
		v[l] = p[l];
	return v;
}

INLINE void put_some(float *p, vf v, int n)
{
	for (int l = 0; l < n; l++)
		p[l] = v[l];
}

INLINE vf choose(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }

/* exp(x) to 1e-7 relative: x = k ln2 + r with |r| <= ln2/2, Taylor polynomial in r, exponent set by integer arithmetic.
 * x is cut to [-87, 88], where float's exponent ends. */
INLINE vf vexp(vf x)
{
	const vf lo = (vf){ 0 } - 87.0f, hi = (vf){ 0 } + 88.0f;
	x = choose(x < lo, lo, x);
	x = choose(x > hi, hi, x);
	vf magic = (vf){ 0 } + 12582912.0f; /* 1.5 * 2^23: adding it rounds to the nearest integer */
	vf k = (x * 1.44269504088896341f + magic) - magic;
	vf r = x - k * 0.693145751953125f - k * 1.42860682030941723e-6f;
	vf p = 1.0f / 5040 * r + 1.0f / 720;
	p = p * r + 1.0f / 120;
	p = p * r + 1.0f / 24;
	p = p * r + 1.0f / 6;
	p = p * r + 0.5f;
	p = p * r + 1.0f;
	p = p * r + 1.0f;
	vi bits = (__builtin_convertvector(k, vi) + 127) << 23;
	return p * (vf)bits;
}

#endif
