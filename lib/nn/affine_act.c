#include "nn/affine_act.h"

#include <stdlib.h>

#include "nn/channel_sums.h"

enum { X, NORM };

affine_act affine_act_of(const float *norm, enum act act, int b, int c)
{
	const float *scale = norm ? norm + (size_t)b * 2 * c : NULL;
	return (affine_act){ scale, scale ? scale + c : NULL, act };
}

static void add(const graph *g, size_t n, const float *d, float *to)
{
#pragma omp parallel for num_threads(graph_threads(g))
	for (size_t i = 0; i < n; i++)
		to[i] += d[i];
}

void affine_act_backward(graph *g, layer *l, enum act act, float *d)
{
	const layer *x = l->in[X], *norm = l->in[NORM];
	float *dx = layer_gradient(l, X), *dnorm = layer_gradient(l, NORM);
	const bool fresh = dx == d;
	if (!norm && act == ACT_NONE) { /* x is not read */
		if (dx && !fresh)
			add(g, shape_count(x->s), d, dx);
		return;
	}
	const int ch = x->s.c, volumes = x->s.b;
	const size_t n = (size_t)volumes * 2 * (size_t)ch;
	double *sums = calloc(n, sizeof *sums);
	affine_act *p = malloc((size_t)volumes * sizeof *p);
	if (!sums || !p) {
		graph_fail(g, ERR_OS, "no memory for sums");
	} else {
		for (int b = 0; b < volumes; b++)
			p[b] = affine_act_of(norm ? norm->v : NULL, act, b, ch);
		channel_sums_backward(g, x->s, &(affine_act_gradient){ p, x->v, d, dx, fresh, dnorm ? sums : NULL });
		for (size_t i = 0; dnorm && i < n; i++)
			dnorm[i] = (layer_is_fresh(l, NORM) ? 0 : dnorm[i]) + (float)sums[i];
	}
	free(p);
	free(sums);
}
