/* Winograd on one axis by matrix instructions (axis.h). Floats are cut into three parts, exactly, of whose nine products six matter
 * (product_amx.c), or into the two nearest, whose three largest products are off by 4e-6 of a sum. Rows of a left factor are tiles with 32
 * channels each, so that every tap reads the same squares elsewhere: nothing is unfolded. */
#include "nn/kernels/amx.h"
#include "nn/kernels/axis.h"
#include "nn/kernels/lines.h"

enum { MOST = 6 };

/* 32 numbers in parts `apart` numbers from each other. */
INLINE void cut(int parts, vf low, vf high, uint16_t *to, size_t apart)
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

/* A pair of rows of a right factor, number beside number, in parts. */
INLINE void cut_pair(int parts, vf even, vf odd, uint16_t *to, size_t apart)
{
	if (parts == 3) {
		__m512i e[3], o[3];
		cut_exactly((__m512)even, e);
		cut_exactly((__m512)odd, o);
		for (int p = 0; p < 3; p++)
			_mm512_store_si512(to + p * apart, _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(e[p], 16), o[p]));
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

/* Calls of(p, parts, ..) with constants. */
#define EACH_FORM(of, ...)                                                                                                                 \
	if (p == 4 && parts == 2)                                                                                                          \
		of(4, 2, __VA_ARGS__);                                                                                                     \
	else if (p == 4)                                                                                                                   \
		of(4, 3, __VA_ARGS__);                                                                                                     \
	else if (parts == 2)                                                                                                               \
		of(6, 2, __VA_ARGS__);                                                                                                     \
	else                                                                                                                               \
		of(6, 3, __VA_ARGS__)

INLINE void input_of(const int p, const int parts, const float *x, size_t step, int blocks, uint16_t *to, size_t tiles)
{
	for (int b = 0; b < blocks; b++, x += AXIS_CHANNELS, to += p * parts * tiles * AXIS_CHANNELS) {
		vf low[MOST], high[MOST];
		for (int i = 0; i < p; i++) {
			low[i] = get(x + i * step);
			high[i] = get(x + i * step + LANES);
		}
		input_line(p, low, 1);
		input_line(p, high, 1);
		for (int i = 0; i < p; i++)
			cut(parts, low[i], high[i], to + (size_t)i * parts * tiles * AXIS_CHANNELS, tiles * AXIS_CHANNELS);
	}
}

static void input(int p, int parts, const float *x, size_t step, int blocks, uint16_t *to, size_t tiles)
{
	EACH_FORM(input_of, x, step, blocks, to, tiles);
}

INLINE void weights_of(const int p, const int parts, const float *taps, int along, int u, int v, uint16_t *to, size_t apart)
{
	const size_t st = AXIS_SQUARE;
	for (int t = 0; t < AXIS_TAPS; t++, to += 2 * parts * AXIS_SQUARE)
		for (int r = 0; r < AXIS_CHANNELS; r += 2) {
			const float *w = taps + (size_t)(t / 3 * u + t % 3 * v) * st + r * LANES;
			vf even[MOST], odd[MOST];
			weight_line(p, get(w), get(w + along * st), get(w + 2 * along * st), even, 1);
			w += LANES;
			weight_line(p, get(w), get(w + along * st), get(w + 2 * along * st), odd, 1);
			for (int i = 0; i < p; i++)
				cut_pair(parts, even[i], odd[i], to + i * apart + r * LANES, 2 * AXIS_SQUARE);
		}
}

static void weights(int p, int parts, const float *taps, int along, int u, int v, uint16_t *to, size_t apart)
{
	EACH_FORM(weights_of, taps, along, u, v, to, apart);
}

/* Registers: sums in 0 to 3, factors in 4 to 7. */
#define LEFT(part)                                                                                                                         \
	_tile_loadd(4, left + (part)*left_apart, 64);                                                                                      \
	_tile_loadd(5, left_below + (part)*left_apart, 64)
#define RIGHT(part)                                                                                                                        \
	_tile_loadd(6, right + (part)*right_apart, 64);                                                                                    \
	_tile_loadd(7, right_beside + (part)*right_apart, 64)
#define MULTIPLY                                                                                                                           \
	_tile_dpbf16ps(0, 4, 6);                                                                                                           \
	_tile_dpbf16ps(1, 4, 7);                                                                                                           \
	_tile_dpbf16ps(2, 5, 6);                                                                                                           \
	_tile_dpbf16ps(3, 5, 7)

/* Two squares below each other times two beside each other: the products of parts that matter, each time with one new factor. */
INLINE void products(const int parts, const uint16_t *left, const uint16_t *left_below, size_t left_apart, const uint16_t *right,
		     const uint16_t *right_beside, size_t right_apart)
{
	if (parts == 3) {
		LEFT(0);
		RIGHT(2);
		MULTIPLY;
		RIGHT(1);
		MULTIPLY;
		LEFT(1);
		MULTIPLY;
		RIGHT(0);
		MULTIPLY;
		LEFT(2);
		MULTIPLY;
		LEFT(0);
		MULTIPLY;
	} else {
		LEFT(0);
		RIGHT(1);
		MULTIPLY;
		RIGHT(0);
		MULTIPLY;
		LEFT(1);
		MULTIPLY;
	}
}

/* The sums, 32 x 32 with rows of 32 floats. GCC does not know that these instructions touch memory. */
INLINE void load_sums(const float *sums, bool add)
{
	const size_t line = AXIS_CHANNELS * sizeof(float);
	__asm__ volatile("" ::: "memory");
	if (add) {
		_tile_loadd(0, sums, line);
		_tile_loadd(1, sums + SIDE, line);
		_tile_loadd(2, sums + AXIS_SQUARE, line);
		_tile_loadd(3, sums + AXIS_SQUARE + SIDE, line);
	} else {
		_tile_zero(0);
		_tile_zero(1);
		_tile_zero(2);
		_tile_zero(3);
	}
}

INLINE void store_sums(float *sums)
{
	const size_t line = AXIS_CHANNELS * sizeof(float);
	_tile_stored(0, sums, line);
	_tile_stored(1, sums + SIDE, line);
	_tile_stored(2, sums + AXIS_SQUARE, line);
	_tile_stored(3, sums + AXIS_SQUARE + SIDE, line);
	__asm__ volatile("" ::: "memory");
}

INLINE void multiply_parts(const int parts, const axis_sums *s)
{
	const size_t apart = s->rows * AXIS_CHANNELS, block = s->points * parts * apart;
	const size_t weights = (size_t)s->blocks * AXIS_TAPS * parts * 2 * AXIS_SQUARE;
	for (int i = 0; i < s->points; i++)
		for (int r = 0; r < s->runs; r += 2) {
			float *sums = s->sums + ((size_t)i * s->runs + r) * AXIS_SQUARE;
			const uint16_t *in = s->in + i * parts * apart, *right = s->weights + i * weights;
			load_sums(sums, s->add);
			for (int b = 0; b < s->blocks; b++, in += block)
				for (int t = 0; t < AXIS_TAPS; t++, right += parts * 2 * AXIS_SQUARE)
					products(parts, in + (size_t)(s->first[r] + s->tap[t]) * AXIS_CHANNELS,
						 in + (size_t)(s->first[r + 1] + s->tap[t]) * AXIS_CHANNELS, apart, right,
						 right + AXIS_SQUARE, 2 * AXIS_SQUARE);
			store_sums(sums);
		}
}

static void multiply(const axis_sums *s)
{
	configure();
	if (s->parts == 3)
		multiply_parts(3, s);
	else
		multiply_parts(2, s);
	_tile_release();
}

INLINE void output_of(const int p, const float *m, size_t apart, int n, const float *bias, const float *add, float *out, size_t step,
		      int valid)
{
	for (int k = 0; k < n; k += LANES) {
		vf d[MOST] = { { 0 } }, b = get(bias + k);
		for (int i = 0; i < p; i++)
			d[i] = get(m + i * apart + k);
		output_line(p, d, 1);
		for (int i = 0; i < valid; i++) {
			size_t at = i * step + k;
			if (n - k >= LANES)
				put(out + at, d[i] + b + (add ? get(add + at) : (vf){ 0 }));
			else
				put_some(out + at, d[i] + b + (add ? get_some(add + at, n - k) : (vf){ 0 }), n - k);
		}
	}
}

static void output(int p, const float *m, size_t apart, int n, const float *bias, const float *add, float *out, size_t step, int valid)
{
	if (p == 4)
		output_of(4, m, apart, n, bias, add, out, step, valid);
	else
		output_of(6, m, apart, n, bias, add, out, step, valid);
}

INLINE void inputs_of(const int p, const int parts, const float *const *tile, size_t step, uint16_t *to, size_t point, size_t part)
{
	vf d[AXIS_CHANNELS][MOST];
	for (int r = 0; r < AXIS_CHANNELS; r++) {
		for (int i = 0; i < p; i++)
			d[r][i] = get(tile[r] + i * step);
		input_line(p, d[r], 1);
	}
	for (int i = 0; i < p; i++) {
		vf low[LANES], high[LANES];
		for (int r = 0; r < LANES; r++) {
			low[r] = d[r][i];
			high[r] = d[LANES + r][i];
		}
		transpose(low);
		transpose(high);
		for (int k = 0; k < LANES; k++)
			cut(parts, low[k], high[k], to + i * point + k * AXIS_CHANNELS, part);
	}
}

static void inputs(int p, int parts, const float *const *tile, size_t step, uint16_t *to, size_t point, size_t part)
{
	EACH_FORM(inputs_of, tile, step, to, point, part);
}

INLINE void gradients_of(const int p, const int parts, const float *const *tile, size_t step, uint16_t *to, size_t point, size_t part)
{
	for (int r = 0; r < AXIS_CHANNELS; r += 2) {
		vf even[MOST], odd[MOST];
		for (int i = 0; i < p - 2; i++) {
			even[i] = get(tile[r] + i * step);
			odd[i] = get(tile[r + 1] + i * step);
		}
		adjoint_line(p, even, 1);
		adjoint_line(p, odd, 1);
		for (int i = 0; i < p; i++)
			cut_pair(parts, even[i], odd[i], to + i * point + r * LANES, part);
	}
}

static void gradients(int p, int parts, const float *const *tile, size_t step, uint16_t *to, size_t point, size_t part)
{
	EACH_FORM(gradients_of, tile, step, to, point, part);
}

INLINE void correlate_parts(const int parts, const axis_products *p)
{
	load_sums(p->sums, p->add);
	for (int i = 0; i < p->n; i++) {
		const uint16_t *left = p->left + (size_t)p->at[i] * AXIS_SQUARE, *right = p->right + (size_t)i * AXIS_SQUARE;
		products(parts, left, left + p->left_below, p->left_apart, right, right + p->right_beside, p->right_apart);
	}
	store_sums(p->sums);
}

static void correlate(const axis_products *p)
{
	configure();
	if (p->parts == 3)
		correlate_parts(3, p);
	else
		correlate_parts(2, p);
	_tile_release();
}

static void adjoint(int p, const float *u, size_t apart, int n, float *w, size_t row, int along)
{
	vf taps[3] = { { 0 } };
	for (int i = 0; i < p; i++)
		for (int k = 0; k < 3; k++)
			taps[k] += (float)rows_of(p)[i][k] * get(u + i * apart);
	for (int l = 0; l < n; l++)
		for (int k = 0; k < 3; k++)
			w[l * row + k * along] += taps[k][l];
}

extern const axis_kernels axis_amx;
const axis_kernels axis_amx = {
	.input = input,
	.weights = weights,
	.multiply = multiply,
	.output = output,
	.inputs = inputs,
	.gradients = gradients,
	.correlate = correlate,
	.adjoint = adjoint,
};
