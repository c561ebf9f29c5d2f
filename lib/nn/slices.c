#include "nn/slices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/internal.h"

static void mean_backward(nn *c, node *base)
{
	tensor *x = base->in[0];
	float *dx = nn_gradient(c, x);
	size_t ch = (size_t)x->s.c, map = (size_t)x->s.y * (size_t)x->s.z, maps = (size_t)x->s.b * (size_t)x->s.x;
	if (!dx || nn_planning(c))
		return;
#pragma omp parallel for num_threads(nn_threads(c))
	for (size_t i = 0; i < maps * map; i++)
		for (size_t k = 0; k < ch; k++)
			dx[i * ch + k] += base->out->g[i / map * ch + k] / (float)map;
}

tensor *nn_map_mean(nn *c, tensor *x)
{
	if (!x || !nn_ok(c))
		return NULL;
	size_t ch = (size_t)x->s.c, map = (size_t)x->s.y * (size_t)x->s.z, maps = (size_t)x->s.b * (size_t)x->s.x;
	tensor *out = nn_tensor(c, (shape){ x->s.b, 1, 1, x->s.x, x->s.c });
	if (out && out->v)
#pragma omp parallel for num_threads(nn_threads(c))
		for (size_t i = 0; i < maps * ch; i++) {
			const float *from = x->v + i / ch * map * ch + i % ch;
			double sum = 0;
			for (size_t j = 0; j < map; j++)
				sum += (double)from[j * ch];
			out->v[i] = (float)(sum / (double)map);
		}
	nn_push(c, sizeof(node), mean_backward, out, 1, &x, false);
	return out;
}

tensor *nn_add_code(nn *c, tensor *x, const param *code)
{
	if (!x || !code || !nn_ok(c))
		return NULL;
	if (code->rank != 3 || code->n[0] != 1 || code->n[1] < x->s.z || code->n[2] != x->s.c)
		return nn_fail(c, ERR_CONFIG, "%s: not made for %d slices of %d numbers", code->name, x->s.z, x->s.c);
	tensor *out = nn_tensor(c, x->s);
	size_t one = (size_t)x->s.z * (size_t)x->s.c;
	if (out && out->v)
		for (size_t i = 0; i < shape_count(x->s); i++)
			out->v[i] = x->v[i] + code->v[i % one];
	nn_push(c, sizeof(node), nn_pass_gradient, out, 1, &x, false);
	return out;
}

/* w = softmax of n scores. */
static void softmax(double *w, const float *score, int n)
{
	double most = (double)score[0], sum = 0;
	for (int i = 1; i < n; i++)
		most = fmax(most, (double)score[i]);
	for (int i = 0; i < n; i++)
		sum += w[i] = exp((double)score[i] - most);
	for (int i = 0; i < n; i++)
		w[i] /= sum;
}

/* dx_s += w_s dout; dscore_s += w_s (<dout, x_s> - sum over r of w_r <dout, x_r>). */
static void soft_pool_backward(nn *c, node *base)
{
	tensor *x = base->in[0], *score = base->in[1];
	float *dx = nn_gradient(c, x), *dscore = nn_gradient(c, score);
	int n = x->s.z, ch = x->s.c;
	if (!nn_ok(c) || nn_planning(c))
		return;
	double *w = calloc(2 * (size_t)n, sizeof *w), *along = w ? w + n : NULL;
	if (!w) {
		nn_fail(c, ERR_OS, "no memory for sums");
		return;
	}
	for (int b = 0; b < x->s.b; b++) {
		const float *g = base->out->g + (size_t)b * ch;
		double mean = 0;
		softmax(w, score->v + (size_t)b * n, n);
		for (int s = 0; s < n; s++) {
			size_t at = ((size_t)b * n + s) * ch;
			along[s] = 0;
			for (int k = 0; k < ch; k++) {
				along[s] += (double)g[k] * (double)x->v[at + k];
				if (dx)
					dx[at + k] += (float)(w[s] * (double)g[k]);
			}
			mean += w[s] * along[s];
		}
		for (int s = 0; dscore && s < n; s++)
			dscore[(size_t)b * n + s] += (float)(w[s] * (along[s] - mean));
	}
	free(w);
}

tensor *nn_soft_pool(nn *c, tensor *x, tensor *score)
{
	if (!x || !score || !nn_ok(c))
		return NULL;
	int n = x->s.z, ch = x->s.c;
	if (!shape_equal(x->s, (shape){ x->s.b, 1, 1, n, ch }) || !shape_equal(score->s, (shape){ x->s.b, 1, 1, n, 1 }))
		return nn_fail(c, ERR_BUG, "soft attention: scores and slices do not fit together");
	tensor *out = nn_tensor(c, (shape){ x->s.b, 1, 1, 1, ch });
	double *w = calloc((size_t)n + (size_t)ch, sizeof *w), *sum = w ? w + n : NULL;
	if (!w)
		nn_fail(c, ERR_OS, "no memory for sums");
	for (int b = 0; nn_ok(c) && !nn_planning(c) && b < x->s.b; b++) {
		softmax(w, score->v + (size_t)b * n, n);
		memset(sum, 0, (size_t)ch * sizeof *sum);
		for (int s = 0; s < n; s++)
			for (int k = 0; k < ch; k++)
				sum[k] += w[s] * (double)x->v[((size_t)b * n + s) * ch + k];
		for (int k = 0; k < ch; k++)
			out->v[(size_t)b * ch + k] = (float)sum[k];
	}
	free(w);
	nn_push(c, sizeof(node), soft_pool_backward, out, 2, (tensor *[]){ x, score }, false);
	return out;
}
