#include "simulate/rounding.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

/* Voxels that several labels share, and these, one voxel's after the other's. */
typedef struct mixed {
	struct mixed_voxel {
		size_t at;
		int shares;
	} * voxels; /* [n] */
	struct mixed_share {
		uint16_t label;
		float share;
	} * shares; /* [n_shares] */
	size_t n, cap, n_shares, cap_shares;
} mixed;

static int add(mixed *x, size_t at, const label_share *of, int n, err *e)
{
	int code = mem_grow(&x->voxels, &x->cap, x->n + 1, sizeof *x->voxels, "labels", e);
	if (!code)
		code = mem_grow(&x->shares, &x->cap_shares, x->n_shares + (size_t)n, sizeof *x->shares, "labels", e);
	if (code)
		return code;
	x->voxels[x->n++] = (struct mixed_voxel){ at, n };
	for (int i = 0; i < n; i++)
		x->shares[x->n_shares++] = (struct mixed_share){ of[i].label, (float)of[i].share };
	return 0;
}

/* Voxels of one label are written to out, counted in own [count]; the others are listed, and counted in `some` for each label that has a
 * share. */
static int look(mixed *x, uint16_t *out, double *own, double *some, const way *w, const label_map *m, err *e)
{
	size_t at = 0;
	int code = 0;
	for (int i = 0; i < m->n[0]; i++)
		for (int j = 0; j < m->n[1]; j++)
			for (int k = 0; k < m->n[2] && !code; k++, at++) {
				double p[3] = { i, j, k };
				label_share of[LABEL_SHARES];
				way_back(w, p);
				const int n = label_map_shares(of, m, p);
				out[at] = of[0].label;
				if (n > 1)
					code = add(x, at, of, n, e);
				else
					own[of[0].label]++;
				for (int s = 0; n > 1 && s < n; s++)
					some[of[s].label]++;
			}
	return code;
}

/* Each mixed voxel to the label with the largest share and handicap together; is [count]: voxels of each. */
static void decide(uint16_t *out, double *is, const double *own, const double *handicap, const mixed *x, int count)
{
	const struct mixed_share *of = x->shares;
	for (int l = 0; l < count; l++)
		is[l] = own[l];
	for (size_t v = 0; v < x->n; of += x->voxels[v++].shares) {
		int best = 0;
		for (int s = 1; s < x->voxels[v].shares; s++)
			if ((double)of[s].share + handicap[of[s].label] > (double)of[best].share + handicap[of[best].label])
				best = s;
		out[x->voxels[v].at] = of[best].label;
		is[of[best].label]++;
	}
}

int rounded_labels(uint16_t *out, const way *w, const label_map *m, const double *volumes, err *e)
{
	const size_t count = (size_t)m->count;
	mixed x = { .n = 0 };
	double *numbers = NULL;
	int code = mem_zero(&numbers, 4 * count, sizeof *numbers, "labels", e);
	double *own = numbers, *some = numbers + count, *is = numbers + 2 * count, *handicap = numbers + 3 * count;
	if (!code)
		code = look(&x, out, own, some, w, m, e);
	for (int round = 0; round < ROUNDING_ROUNDS && !code; round++) {
		decide(out, is, own, handicap, &x, m->count);
		/* half of what would do if the shares of a label's mixed voxels were spread evenly from 0 to 1: its neighbours move, too */
		for (size_t l = 0; l < count && round + 1 < ROUNDING_ROUNDS; l++)
			handicap[l] += some[l] > 0 ? .5 * (volumes[l] - is[l]) / some[l] : 0;
	}
	free(x.voxels);
	free(x.shares);
	free(numbers);
	return code;
}
