#include "nn/combine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/internal.h"

static size_t voxels_of(shape s) { return (size_t)s.b * s.x * s.y * s.z; }

static void concat_backward(nn *c, node *base)
{
	const tensor *out = base->out;
	int first = 0;
	for (int part = 0; part < 2; part++) {
		tensor *t = base->in[part];
		int ch = t->s.c;
		bool fresh = false;
		float *g = nn_gradient_raw(c, t, &fresh);
		if (g && !nn_planning(c))
#pragma omp parallel for num_threads(nn_threads(c))
			for (size_t i = 0; i < voxels_of(t->s); i++)
				for (int k = 0; k < ch; k++) {
					float d = out->g[i * out->s.c + first + k];
					g[i * ch + k] = fresh ? d : g[i * ch + k] + d;
				}
		first += ch;
	}
}

tensor *nn_concat(nn *c, tensor *a, tensor *b)
{
	if (!a || !b || !nn_ok(c))
		return NULL;
	shape s = a->s, other = b->s;
	s.c += other.c;
	other.c = a->s.c;
	if (!shape_equal(a->s, other))
		return nn_fail(c, ERR_DATA, "grids of %dx%dx%d and %dx%dx%d do not fit together", a->s.x, a->s.y, a->s.z, b->s.x, b->s.y,
			       b->s.z);
	tensor *out = nn_tensor(c, s);
	if (out && out->v)
#pragma omp parallel for num_threads(nn_threads(c))
		for (size_t i = 0; i < voxels_of(s); i++) {
			memcpy(out->v + i * s.c, a->v + i * a->s.c, (size_t)a->s.c * sizeof(float));
			memcpy(out->v + i * s.c + a->s.c, b->v + i * b->s.c, (size_t)b->s.c * sizeof(float));
		}
	nn_push(c, sizeof(node), concat_backward, out, 2, (tensor *[]){ a, b }, false);
	return out;
}

static void difference_backward(nn *c, node *base)
{
	const tensor *out = base->out;
	const double *by = base->owned;
	const size_t one = shape_count(out->s) / (size_t)out->s.b;
	for (int part = 0; part < 2; part++) {
		float *g = nn_gradient(c, base->in[part]), sign = part ? -1 : 1;
		for (size_t i = 0; g && !nn_planning(c) && i < shape_count(out->s); i++)
			g[i] += sign * (float)by[i / one] * out->g[i];
	}
}

tensor *nn_difference(nn *c, tensor *a, tensor *b, const double *by)
{
	if (!a || !b || !nn_ok(c))
		return NULL;
	if (!shape_equal(a->s, b->s))
		return nn_fail(c, ERR_DATA, "a difference of %dx%dx%d and %dx%dx%d voxels", a->s.x, a->s.y, a->s.z, b->s.x, b->s.y, b->s.z);
	tensor *out = nn_tensor(c, b->s);
	const size_t all = shape_count(b->s), one = all / (size_t)b->s.b;
	for (size_t i = 0; out && out->v && i < all; i++)
		out->v[i] = (float)by[i / one] * (a->v[i] - b->v[i]);
	node *n = nn_push(c, sizeof *n, difference_backward, out, 2, (tensor *[]){ a, b }, false);
	if (n && !nn_planning(c) && !(n->owned = malloc((size_t)b->s.b * sizeof *by)))
		return nn_fail(c, ERR_OS, "no memory for a difference");
	if (n && n->owned)
		memcpy(n->owned, by, (size_t)b->s.b * sizeof *by);
	return out;
}

/* Scales lie at `at` .. of a tensor [b,1,1,1,2C], shifts C further on: element i of b*C -> its scale. */
static size_t scale_at(shape s, int i) { return (size_t)(i / (s.c / 2)) * s.c + i % (s.c / 2); }

static void modulate_backward(nn *c, node *base)
{
	tensor *affine = base->in[0], *by = base->in[1];
	const float *d = base->out->g;
	float *ga = nn_gradient(c, affine), *gb = nn_gradient(c, by);
	if (!nn_ok(c) || nn_planning(c))
		return;
	int half = affine->s.c / 2;
	for (int i = 0; i < affine->s.b * half; i++) {
		size_t scale = scale_at(affine->s, i), shift = scale + half;
		float one = 1 + by->v[scale];
		if (ga) {
			ga[scale] += d[scale] * one;
			ga[shift] += d[shift] * one;
		}
		if (gb) {
			gb[scale] += d[scale] * affine->v[scale] + d[shift] * affine->v[shift];
			gb[shift] += d[shift];
		}
	}
}

tensor *nn_modulate(nn *c, tensor *affine, tensor *by)
{
	if (!affine || !by || !nn_ok(c))
		return NULL;
	if (!shape_equal(affine->s, by->s))
		return nn_fail(c, ERR_CONFIG, "a modulation of %d numbers for a normalisation of %d", by->s.c, affine->s.c);
	tensor *out = nn_tensor(c, affine->s);
	for (int i = 0; out && out->v && i < affine->s.b * (affine->s.c / 2); i++) {
		size_t scale = scale_at(affine->s, i), shift = scale + affine->s.c / 2;
		float one = 1 + by->v[scale];
		out->v[scale] = affine->v[scale] * one;
		out->v[shift] = affine->v[shift] * one + by->v[shift];
	}
	nn_push(c, sizeof(node), modulate_backward, out, 2, (tensor *[]){ affine, by }, false);
	return out;
}

static void repeat_backward(nn *c, node *base)
{
	tensor *x = base->in[0];
	size_t count = shape_count(x->s), n = shape_count(base->out->s) / count;
	float *g = nn_gradient(c, x);
	if (g && !nn_planning(c))
		for (size_t k = 0; k < n; k++)
			for (size_t i = 0; i < count; i++)
				g[i] += base->out->g[k * count + i];
}

tensor *nn_repeat(nn *c, tensor *x, int n)
{
	if (!x || !nn_ok(c))
		return NULL;
	shape s = x->s;
	s.b *= n;
	tensor *out = nn_tensor(c, s);
	size_t count = shape_count(x->s);
	for (int k = 0; out && out->v && k < n; k++)
		memcpy(out->v + (size_t)k * count, x->v, count * sizeof(float));
	nn_push(c, sizeof(node), repeat_backward, out, 1, &x, false);
	return out;
}

/* codes [most][ch]: what channel k has at place i along its axis, of n places there. */
static void place_codes(float *codes, const int n[3], int ch, int most)
{
	for (int i = 0; i < most; i++)
		for (int k = 0; k < ch; k++) {
			int of = n[k % 3];
			codes[i * ch + k] = of < 2 ? 0 : (float)(sqrt(2) * cos(M_PI * (1 + k / 3 % (of - 1)) * (i + .5) / of));
		}
}

tensor *nn_add_places(nn *c, tensor *x)
{
	if (!x || !nn_ok(c))
		return NULL;
	const shape s = x->s;
	const int n[3] = { s.x, s.y, s.z }, most = s.x > s.y ? (s.x > s.z ? s.x : s.z) : (s.y > s.z ? s.y : s.z);
	const size_t count = (size_t)most * s.c;
	tensor *out = nn_tensor(c, s);
	float *codes = nn_take(c, count);
	if (out && out->v && codes) {
		place_codes(codes, n, s.c, most);
#pragma omp parallel for num_threads(nn_threads(c))
		for (size_t v = 0; v < voxels_of(s); v++) {
			const int at[3] = { (int)(v / s.z / s.y % s.x), (int)(v / s.z % s.y), (int)(v % s.z) };
			for (int k = 0; k < s.c; k++)
				out->v[v * s.c + k] = x->v[v * s.c + k] + codes[at[k % 3] * s.c + k];
		}
	}
	nn_give(c, codes, count);
	nn_push(c, sizeof(node), nn_pass_gradient, out, 1, &x, false);
	return out;
}

tensor *nn_time_embedding(nn *c, const double *t, int n, int width)
{
	tensor *out = nn_tensor(c, (shape){ n, 1, 1, 1, width });
	if (!out || !out->v)
		return out;
	int half = width / 2;
	for (int b = 0; b < n; b++) {
		float *to = out->v + (size_t)b * width;
		to[width - 1] = 0;
		for (int i = 0; i < half; i++) {
			double arg = t[b] * exp(-log(10000) * i / half);
			to[i] = (float)cos(arg);
			to[half + i] = (float)sin(arg);
		}
	}
	return out;
}
