/* Winograd on one axis by matrix instructions (axis.h). Floats are cut into three parts, exactly, of whose nine products six matter
 * (product_amx.c), or into the two nearest, whose three largest products are off by 4e-6 of a sum. Rows of a left factor are tiles with 32
 * channels each, so that every tap reads the same squares elsewhere: nothing is unfolded. */
#include "nn/kernels/amx.h"
#include "nn/kernels/axis.h"
#include "nn/kernels/lines.h"

enum { MOST = 6 };

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
			cut_row(parts, low[i], high[i], to + (size_t)i * parts * tiles * AXIS_CHANNELS, tiles * AXIS_CHANNELS);
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

/* Two squares below each other times two beside each other: the products of parts that matter, each time with one new factor. */
INLINE void products(const int parts, const uint16_t *left, const uint16_t *left_below, size_t left_apart, const uint16_t *right,
		     const uint16_t *right_beside, size_t right_apart)
{
	if (parts == 3) {
		load_left(true, left, left_below);
		load_right(true, right + 2 * right_apart, right_beside + 2 * right_apart);
		multiply_squares(true, true);
		load_right(true, right + right_apart, right_beside + right_apart);
		multiply_squares(true, true);
		load_left(true, left + left_apart, left_below + left_apart);
		multiply_squares(true, true);
		load_right(true, right, right_beside);
		multiply_squares(true, true);
		load_left(true, left + 2 * left_apart, left_below + 2 * left_apart);
		multiply_squares(true, true);
		load_left(true, left, left_below);
		multiply_squares(true, true);
	} else {
		load_left(true, left, left_below);
		load_right(true, right + right_apart, right_beside + right_apart);
		multiply_squares(true, true);
		load_right(true, right, right_beside);
		multiply_squares(true, true);
		load_left(true, left + left_apart, left_below + left_apart);
		multiply_squares(true, true);
	}
}

/* Sums lie as 32 rows of 32 floats. */
enum { SUM_LINE = AXIS_CHANNELS * sizeof(float) };

INLINE void multiply_parts(const int parts, const axis_sums *s)
{
	const size_t apart = s->rows * AXIS_CHANNELS, block = s->points * parts * apart;
	const size_t weights = (size_t)s->blocks * AXIS_TAPS * parts * 2 * AXIS_SQUARE;
	for (int i = 0; i < s->points; i++)
		for (int r = 0; r < s->runs; r += 2) {
			float *sums = s->sums + ((size_t)i * s->runs + r) * AXIS_SQUARE;
			const uint16_t *in = s->in + i * parts * apart, *right = s->weights + i * weights;
			load_sums(true, true, sums, SUM_LINE, s->add);
			for (int b = 0; b < s->blocks; b++, in += block)
				for (int t = 0; t < AXIS_TAPS; t++, right += parts * 2 * AXIS_SQUARE)
					products(parts, in + (size_t)(s->first[r] + s->tap[t]) * AXIS_CHANNELS,
						 in + (size_t)(s->first[r + 1] + s->tap[t]) * AXIS_CHANNELS, apart, right,
						 right + AXIS_SQUARE, 2 * AXIS_SQUARE);
			store_sums(true, true, sums, SUM_LINE);
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
			cut_row(parts, low[k], high[k], to + i * point + k * AXIS_CHANNELS, part);
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
	load_sums(true, true, p->sums, SUM_LINE, p->add);
	for (int i = 0; i < p->n; i++) {
		const uint16_t *left = p->left + (size_t)p->at[i] * AXIS_SQUARE, *right = p->right + (size_t)i * AXIS_SQUARE;
		products(parts, left, left + p->left_below, p->left_apart, right, right + p->right_beside, p->right_apart);
	}
	store_sums(true, true, p->sums, SUM_LINE);
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
