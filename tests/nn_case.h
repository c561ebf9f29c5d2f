/* What the tests of nn share: reproducible random numbers and convolutions of any kind, each as nn sees it and as the plain
 * reference (nn/reference.h) does. Include after unit.h. */
#ifndef TESTS_NN_CASE_H
#define TESTS_NN_CASE_H

#include <math.h>

#include "base/philox.h"
#include "nn/conv/conv.h"
#include "reference/layers.h"

/* Random numbers in order: a cursor on a Philox stream. */
typedef struct dice {
	philox p;
	uint64_t i;
} dice;

/* SEED in the environment gives other numbers everywhere. */
static inline dice dice_of(uint64_t seed)
{
	const char *other = getenv("SEED");
	return (dice){ philox_make(seed, 0x6E6E + (other ? strtoull(other, NULL, 10) : 0)), 0 };
}

/* An integer in lo .. hi. */
static inline int roll(dice *d, int lo, int hi) { return lo + (int)(philox_uniform(d->p, d->i++) * (hi - lo + 1)); }

/* n standard normal numbers, as floats, also in double (either may be NULL). */
static inline void normals(dice *d, size_t n, double scale, float *f, double *g)
{
	for (size_t i = 0; i < n; i++) {
		float v = (float)(scale * philox_normal(d->p, d->i++));
		if (f)
			f[i] = v;
		if (g)
			g[i] = (double)v;
	}
}

static inline double *doubles(size_t n)
{
	double *p = calloc(n ? n : 1, sizeof *p);
	assert_non_null(p);
	return p;
}

/* Values as doubles; freed by the caller. */
static inline double *widened(const float *v, size_t n)
{
	double *p = doubles(n);
	for (size_t i = 0; i < n; i++)
		p[i] = (double)v[i];
	return p;
}

static inline double rms(const double *v, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += v[i] * v[i];
	return sqrt(sum / (double)(n ? n : 1));
}

/* rms(got - want) / rms(want); the difference itself where want is all zeros. */
static inline double strays(const float *got, const double *want, size_t n)
{
	double sum = 0, scale = rms(want, n);
	for (size_t i = 0; i < n; i++)
		sum += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
	return sqrt(sum / (double)n) / (scale > 0 ? scale : 1);
}

static inline double dot(const double *a, const float *b, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += a[i] * (double)b[i];
	return sum;
}

/* Numbers for a value of this shape, in memory's order. */
static inline float *random_values(dice *d, shape s, double scale)
{
	float *v = malloc(shape_count(s) * sizeof *v);
	assert_non_null(v);
	normals(d, shape_count(s), scale, v, NULL);
	return v;
}

/* What a convolution is made of, before there are any numbers. */
typedef struct conv_case {
	const char *what;
	shape in;
	int out, k[3], rank, stride, low, high, up[3];
	enum act act;
	bool affine, bias, add;
} conv_case;

static inline ref_conv plain_of(const conv_case *k)
{
	ref_conv r = { .in = k->in, .out = k->out, .act = k->act };
	for (int a = 0; a < 3; a++) {
		r.k[a] = k->k[a];
		r.stride[a] = k->k[a] > 1 ? k->stride : 1;
		r.low[a] = k->k[a] > 1 ? k->low : 0;
		r.high[a] = k->k[a] > 1 ? k->high : 0;
		r.up[a] = k->up[a];
	}
	return r;
}

static inline void show_case(const conv_case *k, enum nn_math math)
{
	print_message("%s %s: %dx[%dx%dx%d] %d->%d, kernel %dx%dx%d (rank %d) stride %d pad %d,%d up %dx%dx%d act %d%s%s%s\n",
		      k->what ? k->what : "", math == NN_FAST ? "fast" : "exact", k->in.b, k->in.x, k->in.y, k->in.z, k->in.c, k->out,
		      k->k[0], k->k[1], k->k[2], k->rank, k->stride, k->low, k->high, k->up[0], k->up[1], k->up[2], k->act,
		      k->affine ? " affine" : "", k->bias ? " bias" : "", k->add ? " add" : "");
}

/* The numbers: values and parameters as nn takes them, and the same in double. */
typedef struct conv_setup {
	conv_case k;
	params ps; /* "conv.weight", "conv.bias" */
	param *weight, *bias;
	float *x, *affine, *add; /* in memory's order; NULL: none */
	ref_conv plain;
	shape out;
	double *rx, *rw, *rbias, *raffine, *radd;
} conv_setup;

static inline shape affine_shape(const conv_case *k) { return (shape){ k->in.b, 1, 1, 1, 2 * k->in.c }; }

/* What the activation sees of element i of x. */
static inline float activated(const conv_setup *s, size_t i)
{
	size_t c = (size_t)s->k.in.c, volume = shape_count(s->k.in) / (size_t)s->k.in.b;
	const float *scale = s->affine ? s->affine + i / volume * 2 * c + i % c : NULL;
	return scale ? scale[0] * s->x[i] + scale[c] : s->x[i];
}

/* Weights of a size that keeps outputs near 1; scales near 1 and shifts, as norms give them. */
static inline void conv_setup_make(conv_setup *s, const conv_case *k, uint64_t seed)
{
	err e;
	dice d = dice_of(seed);
	*s = (conv_setup){ .k = *k, .plain = plain_of(k) };
	s->out = ref_conv_shape(&s->plain);
	int64_t n[5] = { k->out, k->in.c, k->k[0], k->k[1], k->k[2] }, taps = (int64_t)k->k[0] * k->k[1] * k->k[2];
	if (k->rank == 4)
		memmove(n + 2, n + 3, 2 * sizeof *n);
	SUCCEEDS(params_add(&s->ps, "conv.weight", k->rank, n, NULL, &e));
	SUCCEEDS(params_add(&s->ps, "conv.bias", 1, n, NULL, &e));
	s->weight = params_find(&s->ps, "conv.weight");
	s->bias = k->bias ? params_find(&s->ps, "conv.bias") : NULL;
	s->rw = doubles(s->weight->count);
	normals(&d, s->weight->count, 1 / sqrt((double)(taps * k->in.c)), s->weight->v, s->rw);
	if (s->bias) {
		s->rbias = doubles((size_t)k->out);
		normals(&d, (size_t)k->out, 1, s->bias->v, s->rbias);
	}
	s->x = random_values(&d, k->in, 1);
	if (k->affine) {
		s->affine = random_values(&d, affine_shape(k), .3);
		for (int i = 0; i < k->in.b * 2 * k->in.c; i++)
			if (i / k->in.c % 2 == 0)
				s->affine[i] += 1;
		s->raffine = widened(s->affine, shape_count(affine_shape(k)));
	}
	for (size_t i = 0; k->act == ACT_LEAKY && i < shape_count(k->in); i++)	/* off the kink, where differences tell nothing */
		while (fabsf(activated(s, i)) < 1e-3f)
			s->x[i] += .01f;
	s->rx = widened(s->x, shape_count(k->in));
	if (k->add) {
		s->add = random_values(&d, s->out, 1);
		s->radd = widened(s->add, shape_count(s->out));
	}
	s->plain.affine = s->raffine;
	s->plain.bias = s->rbias;
	s->plain.add = s->radd;
}

static inline void conv_setup_free(conv_setup *s)
{
	params_free(&s->ps);
	free(s->x);
	free(s->affine);
	free(s->add);
	free(s->rx);
	free(s->rw);
	free(s->rbias);
	free(s->raffine);
	free(s->radd);
}

/* As conv expects it. */
static inline conv_spec spec_of(const conv_case *k, layer *norm, layer *add)
{
	return (conv_spec){ .out = k->out, .rank = k->rank, .k = k->rank > 3 ? k->k[1] : 1, .stride = k->stride, .pad_low = k->low,
			    .pad_high = k->high, .norm = norm, .act = k->act, .up = { k->up[0], k->up[1], k->up[2] }, .add = add,
			    .no_bias = !k->bias };
}

/* The reference's result; freed by the caller. */
static inline double *plain_result(const conv_setup *s)
{
	err e;
	double *y = doubles(shape_count(s->out));
	SUCCEEDS(ref_conv_forward(&s->plain, s->rx, s->rw, y, &e));
	return y;
}

/* Small odd shapes of every kind that fit: what the networks use, and what they do not. */
static inline conv_case random_case(dice *d)
{
	static const int channels[] = { 1, 3, 5, 8, 16, 17, 24, 40 };
	static const int kernels_[][3] = { { 1, 1, 1 }, { 3, 3, 3 }, { 3, 3, 3 }, { 3, 3, 3 }, { 4, 4, 4 },
					   { 1, 3, 3 }, { 1, 2, 2 }, { 2, 2, 2 }, { 1, 7, 7 } };
	for (;;) {
		conv_case k = { .in = { roll(d, 1, 3), roll(d, 1, 6), roll(d, 1, 7), roll(d, 1, 9), channels[roll(d, 0, 7)] },
				.out = channels[roll(d, 0, 7)],
				.rank = 5,
				.stride = roll(d, 0, 3) ? 1 : 2,
				.low = roll(d, 0, 2),
				.high = roll(d, 0, 2),
				.act = (enum act)roll(d, 0, 2),
				.affine = roll(d, 0, 1),
				.bias = roll(d, 0, 1),
				.add = roll(d, 0, 1) };
		memcpy(k.k, kernels_[roll(d, 0, 8)], sizeof k.k);
		if (k.k[0] == 1 && roll(d, 0, 1))
			k.rank = k.k[1] == 1 ? roll(d, 2, 4) : 4;
		if (k.k[0] < k.k[1]) /* of planes: there are no others with fewer taps along x */
			k.rank = 4;
		for (int a = 0; a < 3; a++)
			k.up[a] = roll(d, 0, 3) ? 1 : 2;
		const int n[3] = { k.in.x, k.in.y, k.in.z };
		bool fits = true;
		for (int a = 0; a < 3; a++)
			fits &= k.k[a] == 1 || n[a] * k.up[a] + k.low + k.high >= k.k[a];
		if (fits)
			return k;
	}
}

#endif
