#include "nn/combine.h"

#include <math.h>
#include <string.h>

#include "nn/layer.h"

static size_t voxels_of(shape s) { return (size_t)s.b * s.x * s.y * s.z; }

/* A number for each of b volumes. */
static shape numbers(int b) { return (shape){ b, 1, 1, 1, 1 }; }

/* ---- concatenation ---- */

static void concat_forward(graph *g, layer *l)
{
	const shape s = l->s;
	const layer *a = l->in[0], *b = l->in[1];
#pragma omp parallel for num_threads(graph_threads(g))
	for (size_t i = 0; i < voxels_of(s); i++) {
		memcpy(l->v + i * s.c, a->v + i * a->s.c, (size_t)a->s.c * sizeof(float));
		memcpy(l->v + i * s.c + a->s.c, b->v + i * b->s.c, (size_t)b->s.c * sizeof(float));
	}
}

static void concat_backward(graph *g, layer *l)
{
	int first = 0;
	for (int part = 0; part < 2; part++) {
		const shape s = l->in[part]->s;
		const bool fresh = layer_is_fresh(l, part);
		float *to = layer_gradient(l, part);
		if (to)
#pragma omp parallel for num_threads(graph_threads(g))
			for (size_t i = 0; i < voxels_of(s); i++)
				for (int k = 0; k < s.c; k++) {
					const float d = l->g[i * l->s.c + first + k];
					to[i * s.c + k] = fresh ? d : to[i * s.c + k] + d;
				}
		first += s.c;
	}
}

static const layer_kind concat_kind = {
	.name = "concatenation", .size = sizeof(layer), .forward = concat_forward, .backward = concat_backward
};

layer *concat(graph *g, layer *a, layer *b)
{
	shape s = graph_shape(a), other = graph_shape(b);
	s.c += other.c;
	other.c = s.c;
	if (!shape_equal(s, other))
		return graph_fail(g, ERR_DATA, "grids of %dx%dx%d and %dx%dx%d do not fit together", s.x, s.y, s.z, other.x, other.y,
				  other.z);
	return layer_add(g, &concat_kind, s, 2, (layer *[]){ a, b });
}

/* ---- difference ---- */

enum { A, B, BY };

static void difference_settle(graph *g, layer *l)
{
	(void)g;
	l->over = A;
	l->reads_in[BY] = true;
}

static void difference_forward(graph *g, layer *l)
{
	(void)g;
	const float *a = l->in[A]->v, *b = l->in[B]->v, *by = l->in[BY]->v;
	const size_t all = shape_count(l->s), one = all / (size_t)l->s.b;
	for (size_t i = 0; i < all; i++)
		l->v[i] = by[i / one] * (a[i] - b[i]);
}

static void difference_backward(graph *g, layer *l)
{
	(void)g;
	const float *by = l->in[BY]->v;
	const size_t all = shape_count(l->s), one = all / (size_t)l->s.b;
	for (int part = A; part <= B; part++) {
		float *d = layer_gradient(l, part), sign = part == B ? -1 : 1;
		for (size_t i = 0; d && i < all; i++)
			d[i] = (layer_is_fresh(l, part) ? 0 : d[i]) + sign * by[i / one] * l->g[i];
	}
}

static const layer_kind difference_kind = { .name = "difference",
					    .size = sizeof(layer),
					    .settle = difference_settle,
					    .forward = difference_forward,
					    .backward = difference_backward };

layer *difference(graph *g, layer *a, layer *b, layer *by)
{
	const shape s = graph_shape(a), t = graph_shape(b);
	if (!shape_equal(s, t))
		return graph_fail(g, ERR_DATA, "a difference of %dx%dx%d and %dx%dx%d voxels", s.x, s.y, s.z, t.x, t.y, t.z);
	if (by && !shape_equal(graph_shape(by), numbers(s.b)))
		return graph_fail(g, ERR_BUG, "a difference: no number for each of %d volumes", s.b);
	layer *l = layer_add(g, &difference_kind, s, 3, (layer *[]){ a, b, by });
	if (l)
		l->constant[BY] = true;
	return l;
}

/* ---- modulation ---- */

enum { NORM, SCALES };

/* Scales lie at `at` .. of a value [b,1,1,1,2C], shifts C further on: element i of b*C -> its scale. */
static size_t scale_at(shape s, int i) { return (size_t)(i / (s.c / 2)) * s.c + i % (s.c / 2); }

static void modulate_settle(graph *g, layer *l)
{
	(void)g;
	l->reads_in[NORM] = l->in[SCALES]->needs_grad;
	l->reads_in[SCALES] = l->in[NORM]->needs_grad;
}

static void modulate_forward(graph *g, layer *l)
{
	(void)g;
	const float *norm = l->in[NORM]->v, *by = l->in[SCALES]->v;
	const int half = l->s.c / 2;
	for (int i = 0; i < l->s.b * half; i++) {
		const size_t scale = scale_at(l->s, i), shift = scale + half;
		const float one = 1 + by[scale];
		l->v[scale] = norm[scale] * one;
		l->v[shift] = norm[shift] * one + by[shift];
	}
}

static void modulate_backward(graph *g, layer *l)
{
	(void)g;
	const float *norm = l->in[NORM]->v, *by = l->in[SCALES]->v, *d = l->g;
	float *to_norm = layer_gradient(l, NORM), *to_by = layer_gradient(l, SCALES);
	const bool fresh_norm = layer_is_fresh(l, NORM), fresh_by = layer_is_fresh(l, SCALES);
	const int half = l->s.c / 2;
	for (int i = 0; i < l->s.b * half; i++) {
		const size_t scale = scale_at(l->s, i), shift = scale + half;
		if (to_norm) {
			const float one = 1 + by[scale];
			to_norm[scale] = (fresh_norm ? 0 : to_norm[scale]) + d[scale] * one;
			to_norm[shift] = (fresh_norm ? 0 : to_norm[shift]) + d[shift] * one;
		}
		if (to_by) {
			to_by[scale] = (fresh_by ? 0 : to_by[scale]) + (d[scale] * norm[scale] + d[shift] * norm[shift]);
			to_by[shift] = (fresh_by ? 0 : to_by[shift]) + d[shift];
		}
	}
}

static const layer_kind modulate_kind = {
	.name = "modulation", .size = sizeof(layer), .settle = modulate_settle, .forward = modulate_forward, .backward = modulate_backward
};

layer *modulate(graph *g, layer *norm, layer *by)
{
	const shape s = graph_shape(norm), t = graph_shape(by);
	if (!shape_equal(s, t))
		return graph_fail(g, ERR_CONFIG, "a modulation of %d numbers for a normalisation of %d", t.c, s.c);
	return layer_add(g, &modulate_kind, s, 2, (layer *[]){ norm, by });
}

/* ---- repetition ---- */

static void repeat_forward(graph *g, layer *l)
{
	(void)g;
	const size_t count = shape_count(l->in[0]->s), n = shape_count(l->s) / count;
	for (size_t k = 0; k < n; k++)
		memcpy(l->v + k * count, l->in[0]->v, count * sizeof(float));
}

static void repeat_backward(graph *g, layer *l)
{
	(void)g;
	const size_t count = shape_count(l->in[0]->s), n = shape_count(l->s) / count;
	float *d = layer_gradient(l, 0);
	for (size_t k = 0; d && k < n; k++)
		for (size_t i = 0; i < count; i++)
			d[i] = (!k && layer_is_fresh(l, 0) ? 0 : d[i]) + l->g[k * count + i];
}

static const layer_kind repeat_kind = {
	.name = "repetition", .size = sizeof(layer), .forward = repeat_forward, .backward = repeat_backward
};

layer *repeat(graph *g, layer *x, int n)
{
	shape s = graph_shape(x);
	s.b *= n;
	return layer_add(g, &repeat_kind, s, 1, &x);
}

/* ---- places ---- */

/* Places along the longest axis. */
static int most_places(shape s) { return s.x > s.y ? (s.x > s.z ? s.x : s.z) : (s.y > s.z ? s.y : s.z); }

/* codes [most][ch]: what channel k has at place i along its axis, of n places there. */
static void place_codes(float *codes, const int n[3], int ch, int most)
{
	for (int i = 0; i < most; i++)
		for (int k = 0; k < ch; k++) {
			int of = n[k % 3];
			codes[i * ch + k] = of < 2 ? 0 : (float)(sqrt(2) * cos(M_PI * (1 + k / 3 % (of - 1)) * (i + .5) / of));
		}
}

static void places_settle(graph *g, layer *l)
{
	(void)g;
	l->over = l->hands = 0;
	l->work = (size_t)most_places(l->s) * l->s.c;
}

static void places_forward(graph *g, layer *l)
{
	const shape s = l->s;
	const int n[3] = { s.x, s.y, s.z };
	const float *x = l->in[0]->v;
	float *codes = graph_work(g);
	place_codes(codes, n, s.c, most_places(s));
#pragma omp parallel for num_threads(graph_threads(g))
	for (size_t v = 0; v < voxels_of(s); v++) {
		const int at[3] = { (int)(v / s.z / s.y % s.x), (int)(v / s.z % s.y), (int)(v % s.z) };
		for (int k = 0; k < s.c; k++)
			l->v[v * s.c + k] = x[v * s.c + k] + codes[at[k % 3] * s.c + k];
	}
}

static void places_backward(graph *g, layer *l) { layer_pass_gradient(g, l, 0); }

static const layer_kind places_kind = {
	.name = "places", .size = sizeof(layer), .settle = places_settle, .forward = places_forward, .backward = places_backward
};

layer *add_places(graph *g, layer *x) { return layer_add(g, &places_kind, graph_shape(x), 1, &x); }

/* ---- times ---- */

static void time_forward(graph *g, layer *l)
{
	(void)g;
	const int width = l->s.c, half = width / 2;
	for (int b = 0; b < l->s.b; b++) {
		float *to = l->v + (size_t)b * width;
		to[width - 1] = 0;
		for (int i = 0; i < half; i++) {
			double arg = (double)l->in[0]->v[b] * exp(-log(10000) * i / half);
			to[i] = (float)cos(arg);
			to[half + i] = (float)sin(arg);
		}
	}
}

static const layer_kind time_kind = { .name = "time embedding", .size = sizeof(layer), .forward = time_forward };

layer *time_embedding(graph *g, layer *t, int width)
{
	const int b = graph_shape(t).b;
	if (t && !shape_equal(graph_shape(t), numbers(b)))
		return graph_fail(g, ERR_BUG, "a time embedding: no time for each of %d volumes", b);
	layer *l = layer_add(g, &time_kind, (shape){ b, 1, 1, 1, width }, 1, &t);
	if (l)
		l->constant[0] = true;
	return l;
}
