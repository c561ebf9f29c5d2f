#include "nn/resample.h"

#include <omp.h>
#include <string.h>

#include "nn/affine_act.h"

typedef struct resample_layer {
	layer base; /* in: x, norm */
	enum act act;
	int by[3];
} resample_layer;

enum { X, NORM };

static const resample_layer *of(const layer *l) { return (const resample_layer *)l; }

/* A line of z of the fine grid: its voxels in memory. */
static size_t line_at(shape fine, int b, int x, int y) { return (((size_t)b * fine.x + x) * fine.y + y) * fine.z * fine.c; }

static shape finer(shape s, const int by[3]) { return (shape){ s.b, s.x * by[0], s.y * by[1], s.z * by[2], s.c }; }

static size_t line_floats(const layer *x) { return (size_t)x->s.z * x->s.c; }

static void pool_forward(graph *g, layer *l)
{
	const layer *x = l->in[X];
	const int ch = x->s.c, *by = of(l)->by;
	const float share = 1 / (float)(by[0] * by[1] * by[2]);
#pragma omp parallel for num_threads(graph_threads(g))
	for (int i = 0; i < l->s.b * l->s.x * l->s.y; i++) {
		int y = i % l->s.y, gx = i / l->s.y % l->s.x, b = i / l->s.y / l->s.x;
		float *mine = graph_work(g) + line_floats(x) * (size_t)omp_get_thread_num(), *to = l->v + line_at(l->s, b, gx, y);
		const affine_act p = affine_act_of(l->in[NORM] ? l->in[NORM]->v : NULL, of(l)->act, b, ch);
		memset(to, 0, (size_t)l->s.z * ch * sizeof *to);
		for (int k = 0; k < by[0] * by[1]; k++) {
			const float *from = x->v + line_at(x->s, b, gx * by[0] + k / by[1], y * by[1] + k % by[1]);
			nn_kernels()->load(mine, from, (size_t)x->s.z, ch, ch, &p);
			for (int z = 0; z < x->s.z; z++)
				for (int j = 0; j < ch; j++)
					to[z / by[2] * ch + j] += share * mine[z * ch + j];
		}
	}
}

/* to [finer] = copies of d [coarse], each times `factor`. */
static void spread(const graph *g, shape coarse, const int by[3], float factor, const float *d, float *to)
{
	shape fine = finer(coarse, by);
#pragma omp parallel for num_threads(graph_threads(g))
	for (int i = 0; i < fine.b * fine.x * fine.y; i++) {
		int y = i % fine.y, x = i / fine.y % fine.x, b = i / fine.y / fine.x;
		const float *from = d + line_at(coarse, b, x / by[0], y / by[1]);
		float *line = to + line_at(fine, b, x, y);
		for (int z = 0; z < fine.z; z++)
			for (int k = 0; k < fine.c; k++)
				line[z * fine.c + k] = factor * from[z / by[2] * fine.c + k];
	}
}

/* Is a gradient wanted that goes through norm or activation, and so reads x? */
static void pool_settle(graph *g, layer *l)
{
	const bool wanted = l->in[X]->needs_grad || (l->in[NORM] && l->in[NORM]->needs_grad);
	l->reads_in[X] = l->reads_in[NORM] = wanted && (l->in[NORM] || of(l)->act != ACT_NONE);
	l->work = line_floats(l->in[X]) * (size_t)graph_threads(g);
	l->work_back = layer_is_fresh(l, X) ? 0 : shape_count(l->in[X]->s);
}

static void pool_backward(graph *g, layer *l)
{
	const int *by = of(l)->by;
	float *d = layer_is_fresh(l, X) ? l->in[X]->g : graph_work(g);
	spread(g, l->s, by, 1 / (float)(by[0] * by[1] * by[2]), l->g, d);
	affine_act_backward(g, l, of(l)->act, d);
}

static const layer_kind pool = {
	.name = "mean pool", .size = sizeof(resample_layer), .settle = pool_settle, .forward = pool_forward, .backward = pool_backward
};

static layer *resampled(graph *g, const layer_kind *kind, shape s, layer *x, layer *norm, const int by[3])
{
	layer *l = layer_add(g, kind, s, 2, (layer *[]){ x, norm });
	if (l)
		memcpy(((resample_layer *)l)->by, by, 3 * sizeof *by);
	return l;
}

layer *mean_pool(graph *g, layer *x, layer *norm, enum act act, const int by[3])
{
	const shape s = graph_shape(x);
	if (norm && !shape_equal(graph_shape(norm), (shape){ s.b, 1, 1, 1, 2 * s.c }))
		return graph_fail(g, ERR_BUG, "mean pooling: the normalisation has another shape");
	if (s.x % by[0] || s.y % by[1] || s.z % by[2])
		return graph_fail(g, ERR_DATA, "a grid of %dx%dx%d cannot be divided by %dx%dx%d", s.x, s.y, s.z, by[0], by[1], by[2]);
	layer *l = resampled(g, &pool, (shape){ s.b, s.x / by[0], s.y / by[1], s.z / by[2], s.c }, x, norm, by);
	if (l)
		((resample_layer *)l)->act = act;
	return l;
}

void sum_copies(const graph *g, shape in, const int by[3], const float *d, float *to, bool fresh)
{
	shape fine = finer(in, by);
	int ch = in.c;
#pragma omp parallel for num_threads(graph_threads(g))
	for (int i = 0; i < in.b * in.x * in.y; i++) {
		int y = i % in.y, x = i / in.y % in.x, b = i / in.y / in.x;
		float *line = to + line_at(in, b, x, y);
		if (fresh)
			memset(line, 0, (size_t)in.z * ch * sizeof *line);
		for (int k = 0; k < by[0] * by[1]; k++) {
			const float *from = d + line_at(fine, b, x * by[0] + k / by[1], y * by[1] + k % by[1]);
			for (int z = 0; z < fine.z; z++)
				for (int j = 0; j < ch; j++)
					line[z / by[2] * ch + j] += from[z * ch + j];
		}
	}
}

static void upsample_forward(graph *g, layer *l) { spread(g, l->in[X]->s, of(l)->by, 1, l->in[X]->v, l->v); }

static void upsample_backward(graph *g, layer *l)
{
	if (layer_gradient(l, X))
		sum_copies(g, l->in[X]->s, of(l)->by, l->g, layer_gradient(l, X), layer_is_fresh(l, X));
}

static const layer_kind up = {
	.name = "upsample", .size = sizeof(resample_layer), .forward = upsample_forward, .backward = upsample_backward
};

layer *upsample(graph *g, layer *x, const int by[3]) { return resampled(g, &up, finer(graph_shape(x), by), x, NULL, by); }
