/* Matrix instructions for bfloat16 (Intel AMX): what every file of kernels that uses them builds on. One instruction adds to 16 x 16 sums
 * of float32 the products of two factors 32 deep. */
#ifndef NN_KERNELS_AMX_H
#define NN_KERNELS_AMX_H

#include <immintrin.h>
#include <stdint.h>

#include "nn/kernels/vector.h"

enum { SIDE = 16, DEPTH = 32, SQUARE = SIDE * DEPTH };

/* Places of the upper halves of the words of two vectors. */
static const uint16_t UPPER[DEPTH] __attribute__((aligned(64))) = { 1,	3,  5,	7,  9,	11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
								    33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63 };

/* Cuts 16 numbers into three parts, exactly, the largest first, each in the upper halves of 16 words. What remains behind 8 bits of a
 * significand is exact. */
INLINE void cut_exactly(__m512 x, __m512i part[3])
{
	const __m512i upper = _mm512_set1_epi32((int)0xffff0000);
	for (int p = 0; p < 2; p++) {
		part[p] = _mm512_and_si512(_mm512_castps_si512(x), upper);
		x = _mm512_sub_ps(x, _mm512_castsi512_ps(part[p]));
	}
	part[2] = _mm512_castps_si512(x);
}

/* All eight registers are squares. */
INLINE void configure(void)
{
	struct __attribute__((packed)) {
		uint8_t palette, start, zero[14];
		uint16_t bytes[16];
		uint8_t rows[16];
	} shapes = { .palette = 1 };
	for (int t = 0; t < 8; t++) {
		shapes.bytes[t] = 64;
		shapes.rows[t] = SIDE;
	}
	_tile_loadconfig(&shapes);
}

#endif
