#include "nn/norm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/internal.h"
#include "nn/kernels/channels.h"
#include "nn/sums.h"

/* Both norms are one thing: statistics over `sets` sets of channels and voxels; group norm has a set per volume and group, batch
 * norm one per channel over all volumes. scale = gamma r, shift = beta - mean scale, r = 1/sqrt(var + eps). */
typedef struct norm_node {
	node base;	/* in: x; owned: statistics, double [sets] mean, [sets] r */
	param *gamma, *beta;
	int groups;	/* per volume; 0: batch norm */
	bool fixed;	/* running statistics: constants */
} norm_node;

typedef struct layout {
	int sets, per_set;	/* per_set: channels in a set */
	double count;		/* values in a set */
} layout;

static layout layout_of(shape s, int groups)
{
	double voxels = (double)s.x * s.y * s.z;
	if (!groups)
		return (layout){ s.c, 1, voxels * s.b };
	return (layout){ s.b * groups, s.c / groups, voxels * (s.c / groups) };
}

/* The set of channel k of volume b. */
static int set_of(const layout *l, int groups, int b, int k) { return groups ? b * groups + k / l->per_set : k; }

/* dshift, dscale -> dgamma, dbeta and, through mean and r, dx = p + q x per channel. */
static void norm_backward(nn *c, node *base)
{
	norm_node *n = (norm_node *)base;
	tensor *x = base->in[0];
	layout l = layout_of(x->s, n->groups);
	int ch = x->s.c;
	float *dx = n->fixed || !x->needs_grad ? NULL : nn_gradient(c, x);
	if (!nn_ok(c) || nn_planning(c))
		return;
	const float *g = base->out->g;
	const double *mean = base->owned, *r = mean + l.sets;
	double *dmean = calloc(2 * (size_t)l.sets, sizeof *dmean), *dr = dmean ? dmean + l.sets : NULL;
	float *lines = calloc((size_t)x->s.b * 2 * (size_t)ch, sizeof *lines); /* p and q of each volume */
	if (!dmean || !lines) {
		nn_fail(c, ERR_OS, "no memory for sums");
		goto done;
	}
	for (int b = 0; b < x->s.b; b++)
		for (int k = 0; k < ch; k++) {
			int s = set_of(&l, n->groups, b, k);
			double dscale = (double)g[(size_t)b * 2 * ch + k], dshift = (double)g[(size_t)b * 2 * ch + ch + k],
			       gamma = (double)n->gamma->v[k];
			double through = dscale - mean[s] * dshift;
			if (n->gamma->g && !n->gamma->frozen)
				n->gamma->g[k] += (float)(through * r[s]);
			if (n->beta->g && !n->beta->frozen)
				n->beta->g[k] += (float)dshift;
			dmean[s] -= gamma * r[s] * dshift;
			dr[s] += gamma * through;
		}
	if (!dx)
		goto done;
	for (int b = 0; b < x->s.b; b++)
		for (int k = 0; k < ch; k++) {
			float *p = lines + (size_t)b * 2 * ch + k, *q = p + ch;
			int s = set_of(&l, n->groups, b, k);
			double slope = -dr[s] * r[s] * r[s] * r[s] / l.count;	/* dr/dx = -r^3 (x - mean) / count */
			*q = (float)slope;
			*p = (float)(dmean[s] / l.count - slope * mean[s]);
		}
	size_t plane = (size_t)x->s.y * x->s.z;
#pragma omp parallel for num_threads(nn_threads(c))
	for (int i = 0; i < x->s.b * x->s.x; i++) {
		const float *p = lines + (size_t)(i / x->s.x) * 2 * ch;
		nn_kernels()->channels->add_line(dx + i * plane * ch, x->v + i * plane * ch, p, p + ch, plane, ch);
	}
done:
	free(dmean);
	free(lines);
}

/* mean and r of every set, [2*sets]; NULL while planning or after an error. Freed by the caller. */
static double *statistics(nn *c, const tensor *x, const layout *l, int groups, double eps)
{
	int ch = x->s.c;
	double *stats = calloc(2 * (size_t)l->sets, sizeof *stats), *own = NULL;
	if (!x->sums) {
		own = calloc(2 * (size_t)x->s.b * (size_t)ch, sizeof *own);
		if (own)
			sums_of(c, x->v, x->s.b, (size_t)x->s.x * x->s.y * x->s.z, ch, true, own);
	}
	const double *sum = x->sums ? x->sums : own;
	if (!stats || !sum)
		nn_fail(c, ERR_OS, "no memory for sums");
	for (int b = 0; nn_ok(c) && b < x->s.b; b++, sum += 2 * ch)
		for (int k = 0; k < ch; k++) {
			int s = set_of(l, groups, b, k);
			stats[s] += sum[k];
			stats[l->sets + s] += sum[ch + k];
		}
	free(own);
	if (!nn_ok(c)) {
		free(stats);
		return NULL;
	}
	for (int s = 0; s < l->sets; s++) {
		double mean = stats[s] / l->count, var = stats[l->sets + s] / l->count - mean * mean;
		stats[s] = mean;
		stats[l->sets + s] = 1 / sqrt((var > 0 ? var : 0) + eps);
	}
	return stats;
}

static tensor *affine_of(nn *c, tensor *x, param *gamma, param *beta, int groups, double *stats, bool fixed)
{
	int ch = x->s.c;
	layout l = layout_of(x->s, groups);
	tensor *out = nn_tensor(c, (shape){ x->s.b, 1, 1, 1, 2 * ch });
	if (out && stats)
		for (int b = 0; b < x->s.b; b++)
			for (int k = 0; k < ch; k++) {
				int s = set_of(&l, groups, b, k);
				double scale = (double)gamma->v[k] * stats[l.sets + s];
				out->v[(size_t)b * 2 * ch + k] = (float)scale;
				out->v[(size_t)b * 2 * ch + ch + k] = (float)((double)beta->v[k] - stats[s] * scale);
			}
	norm_node *n = nn_push(c, sizeof *n, norm_backward, out, 1, &x, gamma->g && !gamma->frozen);
	if (n) {
		n->gamma = gamma;
		n->beta = beta;
		n->groups = groups;
		n->fixed = fixed;
		n->base.owned = stats;
	} else {
		free(stats);
	}
	return out;
}

static bool per_channel(nn *c, const tensor *x, const param *p)
{
	if (p->rank != 1 || p->n[0] != x->s.c)
		nn_fail(c, ERR_CONFIG, "%s: has not one number for each of %d channels", p->name, x->s.c);
	return nn_ok(c);
}

tensor *nn_group_norm(nn *c, tensor *x, param *gamma, param *beta, int groups, double eps)
{
	if (!x || !nn_ok(c) || !per_channel(c, x, gamma) || !per_channel(c, x, beta))
		return NULL;
	if (groups < 1 || x->s.c % groups)
		return nn_fail(c, ERR_CONFIG, "%s: %d channels do not fall into %d groups", gamma->name, x->s.c, groups);
	layout l = layout_of(x->s, groups);
	double *stats = nn_planning(c) ? NULL : statistics(c, x, &l, groups, eps);
	return nn_ok(c) ? affine_of(c, x, gamma, beta, groups, stats, false) : NULL;
}

tensor *nn_batch_norm(nn *c, tensor *x, const batch_norm *n, bool training)
{
	if (!x || !nn_ok(c) || !per_channel(c, x, n->gamma) || !per_channel(c, x, n->beta) || !per_channel(c, x, n->mean) ||
	    !per_channel(c, x, n->var))
		return NULL;
	layout l = layout_of(x->s, 0);
	if (nn_planning(c))
		return affine_of(c, x, n->gamma, n->beta, 0, NULL, !training);
	double *stats = training ? statistics(c, x, &l, 0, n->eps) : calloc(2 * (size_t)l.sets, sizeof *stats);
	if (!stats)
		return nn_fail(c, ERR_OS, "no memory for statistics");
	for (int k = 0; k < l.sets; k++) {
		double *mean = &stats[k], *r = &stats[l.sets + k];
		if (!training) {
			*mean = (double)n->mean->v[k];
			*r = 1 / sqrt((double)n->var->v[k] + n->eps);
			continue;
		}
		double var = 1 / (*r * *r) - n->eps, unbiased = var * l.count / (l.count > 1 ? l.count - 1 : 1);
		n->mean->v[k] = (float)((1 - n->momentum) * (double)n->mean->v[k] + n->momentum * *mean);
		n->var->v[k] = (float)((1 - n->momentum) * (double)n->var->v[k] + n->momentum * unbiased);
	}
	if (training)
		n->steps->v[0]++;
	return affine_of(c, x, n->gamma, n->beta, 0, stats, !training);
}
