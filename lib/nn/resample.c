#include "nn/resample.h"

#include <omp.h>
#include <string.h>

#include "nn/prologue.h"

typedef struct resample_node {
	node base; /* in: x, affine */
	enum act act;
	int by[3];
} resample_node;

/* A line of z of the fine grid: its voxels in memory. */
static size_t line_at(shape fine, int b, int x, int y) { return (((size_t)b * fine.x + x) * fine.y + y) * fine.z * fine.c; }

static shape finer(shape s, const int by[3]) { return (shape){ s.b, s.x * by[0], s.y * by[1], s.z * by[2], s.c }; }

/* out [coarse] = means over boxes of x behind the prologue. */
static void pool_means(nn *c, const tensor *x, const tensor *affine, enum act act, const int by[3], tensor *out)
{
	size_t line = (size_t)x->s.z * x->s.c, threads = (size_t)nn_threads(c);
	float *work = nn_take(c, line * threads);
	float share = 1 / (float)(by[0] * by[1] * by[2]);
	int ch = x->s.c;
	if (work)
#pragma omp parallel for num_threads(nn_threads(c))
		for (int i = 0; i < out->s.b * out->s.x * out->s.y; i++) {
			int y = i % out->s.y, gx = i / out->s.y % out->s.x, b = i / out->s.y / out->s.x;
			float *mine = work + line * (size_t)omp_get_thread_num(), *to = out->v + line_at(out->s, b, gx, y);
			const prologue p = prologue_of(affine, act, b, ch);
			memset(to, 0, (size_t)out->s.z * ch * sizeof *to);
			for (int k = 0; k < by[0] * by[1]; k++) {
				const float *from = x->v + line_at(x->s, b, gx * by[0] + k / by[1], y * by[1] + k % by[1]);
				nn_kernels()->load(mine, from, (size_t)x->s.z, ch, ch, &p);
				for (int z = 0; z < x->s.z; z++)
					for (int j = 0; j < ch; j++)
						to[z / by[2] * ch + j] += share * mine[z * ch + j];
			}
		}
	nn_give(c, work, line * threads);
}

/* to [finer] = copies of d [coarse], each times `factor`. */
static void spread(const nn *c, shape coarse, const int by[3], float factor, const float *d, float *to)
{
	shape fine = finer(coarse, by);
#pragma omp parallel for num_threads(nn_threads(c))
	for (int i = 0; i < fine.b * fine.x * fine.y; i++) {
		int y = i % fine.y, x = i / fine.y % fine.x, b = i / fine.y / fine.x;
		const float *from = d + line_at(coarse, b, x / by[0], y / by[1]);
		float *line = to + line_at(fine, b, x, y);
		for (int z = 0; z < fine.z; z++)
			for (int k = 0; k < fine.c; k++)
				line[z * fine.c + k] = factor * from[z / by[2] * fine.c + k];
	}
}

static void pool_backward(nn *c, node *base)
{
	resample_node *n = (resample_node *)base;
	size_t count = shape_count(base->in[0]->s);
	float *d = nn_take(c, count);
	if (d)
		spread(c, base->out->s, n->by, 1 / (float)(n->by[0] * n->by[1] * n->by[2]), base->out->g, d);
	prologue_gradient(c, base->in[0], base->in[1], n->act, d);
}

tensor *nn_mean_pool(nn *c, tensor *x, tensor *affine, enum act act, const int by[3])
{
	if (!x || !nn_ok(c) || !prologue_fits(c, x, affine, "mean pooling"))
		return NULL;
	if (x->s.x % by[0] || x->s.y % by[1] || x->s.z % by[2])
		return nn_fail(c, ERR_DATA, "a grid of %dx%dx%d cannot be divided by %dx%dx%d", x->s.x, x->s.y, x->s.z, by[0], by[1],
			       by[2]);
	tensor *out = nn_tensor(c, (shape){ x->s.b, x->s.x / by[0], x->s.y / by[1], x->s.z / by[2], x->s.c });
	if (out)
		pool_means(c, x, affine, act, by, out);
	resample_node *n = nn_push(c, sizeof *n, pool_backward, out, 2, (tensor *[]){ x, affine }, false);
	if (n) {
		n->act = act;
		memcpy(n->by, by, sizeof n->by);
	}
	return out;
}

void nn_sum_copies(const nn *c, shape in, const int by[3], const float *d, float *to, bool fresh)
{
	shape fine = finer(in, by);
	int ch = in.c;
#pragma omp parallel for num_threads(nn_threads(c))
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

static void upsample_backward(nn *c, node *base)
{
	bool fresh = false;
	float *g = nn_gradient_raw(c, base->in[0], &fresh);
	if (g && !nn_planning(c))
		nn_sum_copies(c, base->in[0]->s, ((resample_node *)base)->by, base->out->g, g, fresh);
}

tensor *nn_upsample(nn *c, tensor *x, const int by[3])
{
	tensor *out = x ? nn_tensor(c, finer(x->s, by)) : NULL;
	if (out && out->v)
		spread(c, x->s, by, 1, x->v, out->v);
	resample_node *n = nn_push(c, sizeof *n, upsample_backward, out, 1, &x, false);
	if (n)
		memcpy(n->by, by, sizeof n->by);
	return out;
}
