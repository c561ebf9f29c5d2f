/* Matrix instructions for bfloat16 (Intel AMX): what every file of kernels that uses them builds on. One instruction adds to 16 x 16 sums
 * of float32 the products of two factors 32 deep. */
#ifndef NN_KERNELS_AMX_H
#define NN_KERNELS_AMX_H

#include <immintrin.h>
#include <stdbool.h>
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

/* 32 numbers, a row of a left factor, in parts `apart` numbers from each other: three, exactly, or the two nearest. */
INLINE void cut_row(int parts, vf low, vf high, uint16_t *to, size_t apart)
{
	if (parts == 3) {
		const __m512i upper = _mm512_load_si512(UPPER);
		__m512i f[3], s[3];
		cut_exactly((__m512)low, f);
		cut_exactly((__m512)high, s);
		for (int p = 0; p < 3; p++)
			_mm512_store_si512(to + p * apart, _mm512_permutex2var_epi16(f[p], upper, s[p]));
		return;
	}
	for (int p = 0; p < 2; p++) {
		__m512i near = (__m512i)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
		_mm512_store_si512(to + p * apart, near);
		low -= (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(near)), 16);
		high -= (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(near, 1)), 16);
	}
}

/* A pair of rows of a right factor, number beside number, as the instruction wants them; in parts likewise. */
INLINE void cut_pair(int parts, vf even, vf odd, uint16_t *to, size_t apart)
{
	if (parts == 3) {
		__m512i e[3], o[3];
		cut_exactly((__m512)even, e);
		cut_exactly((__m512)odd, o);
		for (int p = 0; p < 3; p++)
			_mm512_storeu_si512(to + p * apart, _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(e[p], 16), o[p]));
		return;
	}
	for (int p = 0; p < 2; p++) {
		__m512i e = _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)even)), 16);
		__m512i o = _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)odd)), 16);
		_mm512_store_si512(to + p * apart, _mm512_or_si512(_mm512_srli_epi32(e, 16), o));
		even -= (vf)e;
		odd -= (vf)o;
	}
}

/* All eight registers are squares: sums in 0 to 3, left factors in 4 and 5, right ones in 6 and 7. */
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

/* A left factor of 16 rows, and (tall) one of the 16 below. */
INLINE void load_left(const bool tall, const uint16_t *upper, const uint16_t *lower)
{
	_tile_loadd(4, upper, 64);
	if (tall)
		_tile_loadd(5, lower, 64);
}

/* A right factor of 16 columns, and (broad) one of the 16 beside. */
INLINE void load_right(const bool broad, const uint16_t *first, const uint16_t *second)
{
	_tile_loadd(6, first, 64);
	if (broad)
		_tile_loadd(7, second, 64);
}

INLINE void multiply_squares(const bool tall, const bool broad)
{
	_tile_dpbf16ps(0, 4, 6);
	if (broad)
		_tile_dpbf16ps(1, 4, 7);
	if (tall)
		_tile_dpbf16ps(2, 5, 6);
	if (tall && broad)
		_tile_dpbf16ps(3, 5, 7);
}

/* Sums of 32 rows (16 unless tall) x 32 columns (16 unless broad), rows of `line` bytes; zeros unless `add`. GCC does not know that these
 * instructions touch memory. */
INLINE void load_sums(const bool tall, const bool broad, const float *sums, size_t line, bool add)
{
	const float *low = (const float *)((const char *)sums + SIDE * line);
	__asm__ volatile("" ::: "memory");
	if (!add) {
		_tile_zero(0);
		_tile_zero(1);
		_tile_zero(2);
		_tile_zero(3);
		return;
	}
	_tile_loadd(0, sums, line);
	if (broad)
		_tile_loadd(1, sums + SIDE, line);
	if (tall)
		_tile_loadd(2, low, line);
	if (tall && broad)
		_tile_loadd(3, low + SIDE, line);
}

INLINE void store_sums(const bool tall, const bool broad, float *sums, size_t line)
{
	float *low = (float *)((char *)sums + SIDE * line);
	_tile_stored(0, sums, line);
	if (broad)
		_tile_stored(1, sums + SIDE, line);
	if (tall)
		_tile_stored(2, low, line);
	if (tall && broad)
		_tile_stored(3, low + SIDE, line);
	__asm__ volatile("" ::: "memory");
}

#endif
