#include "simulate/atrophy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A volume is right when it is off by less than this share of its change, or, where that is less, of a hundredth of itself. */
#define CLOSE 1e-3
/* The rest may become this many times as large, or as small. */
#define STRETCH 3.

/* Labels that belong to no part keep their volume; REST take what remains. */
enum { KEPT = -1, REST = -2 };

struct work {
	const atrophy *a;
	atrophy_result *r;
	double *now; /* [count]: voxels of each label */
	unsigned char *in; /* [n, count]: does the region hold the label? */
	int *owner; /* [count]: the innermost part that holds it, KEPT or REST */
	int *parent; /* [n]: the innermost part that holds this one, -1: none */
	/* [n]: of what is the part's own: its divergence, and by how much that and the log of its volume were changed last */
	double *divergence, *last, *level;
	float *source; /* [X,Y,Z] */
};

static double sum_of(const double *volumes, const unsigned char *in, int count)
{
	double sum = 0;
	for (int l = 0; l < count; l++)
		sum += in[l] ? volumes[l] : 0;
	return sum;
}

static const unsigned char *labels_of(const struct work *w, size_t part) { return w->in + part * (size_t)w->a->map->count; }

/* How many labels are in a, in b, in both. */
static void overlap(int out[3], const unsigned char *a, const unsigned char *b, int count)
{
	out[0] = out[1] = out[2] = 0;
	for (int l = 0; l < count; l++) {
		out[0] += a[l];
		out[1] += b[l];
		out[2] += a[l] && b[l];
	}
}

/* Which part holds which, and whose each label is: parts are nested or apart. */
static int sort_out(struct work *w, err *e)
{
	const int count = w->a->map->count;
	const size_t changes = w->a->changes->n;
	for (size_t i = 0; i < w->r->n; i++) {
		int best = -1, size = 0;
		for (size_t j = 0; j < w->r->n; j++) {
			int o[3];
			overlap(o, labels_of(w, i), labels_of(w, j), count);
			if (i == j || !o[2])
				continue;
			if (i >= changes || j >= changes || o[0] == o[1] || (o[2] != o[0] && o[2] != o[1]))
				return err_set(e, ERR_DATA, "the regions %s and %s overlap", w->r->parts[i].of->name,
					       w->r->parts[j].of->name);
			if (o[2] == o[0] && (best < 0 || o[1] < size)) {
				best = (int)j;
				size = o[1];
			}
		}
		w->parent[i] = best;
	}
	for (int l = 0; l < count; l++) {
		int size = 0, o[3];
		w->owner[l] = region_has(w->a->rest, w->a->map->value[l]) ? REST : KEPT;
		for (size_t i = 0; i < w->r->n; i++) {
			if (!labels_of(w, i)[l])
				continue;
			overlap(o, labels_of(w, i), labels_of(w, i), count);
			if (w->owner[l] == REST)
				return err_set(e, ERR_DATA, "the regions %s and %s overlap", w->a->rest->name, w->r->parts[i].of->name);
			if (w->owner[l] < 0 || o[0] < size) {
				w->owner[l] = (int)i;
				size = o[0];
			}
		}
	}
	return 0;
}

/* What each part shall have, and whether the rest can take what remains. */
static int wish(struct work *w, err *e)
{
	const atrophy *a = w->a;
	const double ml = a->map->voxel;
	double lost = 0, filled = 0, rest = 0;
	for (size_t i = 0; i < w->r->n; i++) {
		atrophy_part *p = &w->r->parts[i];
		p->before = sum_of(w->r->before, labels_of(w, i), a->map->count);
		if (!(p->before > 0))
			return err_set(e, ERR_DATA, "%s: the scan has none of this region's labels", p->of->name);
		if (i < a->changes->n)
			p->wanted = p->before * (1 + a->changes->all[i].value / 100);
		if (i < a->changes->n && w->parent[i] < 0)
			lost += p->before - p->wanted;
	}
	for (size_t i = a->changes->n; i < w->r->n; i++) {
		const double part = a->fills->all[i - a->changes->n].value * lost;
		w->r->parts[i].wanted = w->r->parts[i].before + part;
		filled += part;
	}
	for (size_t i = 0; i < w->r->n; i++)
		if (!(w->r->parts[i].wanted > .05 * w->r->parts[i].before))
			return err_set(e, ERR_DATA, "%s: would have %.3g of its %.3g ml", w->r->parts[i].of->name, w->r->parts[i].wanted,
				       w->r->parts[i].before);
	for (int l = 0; l < a->map->count; l++)
		rest += w->owner[l] == REST ? w->r->before[l] : 0;
	const double then = rest + lost - filled;
	if (fabs(lost - filled) > 1e-9 * ml && !(then < STRETCH * rest && then > rest / STRETCH))
		return err_set(e, ERR_DATA, "%s: has %.3g ml, and would have to take up %.3g ml: the rest needs more room", a->rest->name,
			       rest, lost - filled);
	return 0;
}

/* What is the part's own: its volume less that of those which it holds. */
static double own(const struct work *w, size_t part, bool wanted)
{
	const atrophy_part *p = w->r->parts;
	double v = wanted ? p[part].wanted : p[part].after;
	for (size_t i = 0; i < w->r->n; i++)
		v -= w->parent[i] == (int)part ? wanted ? p[i].wanted : p[i].after : 0;
	return v;
}

/* Corrects the divergences; *off: by how much the worst part is off, over its change. */
static int correct(struct work *w, double *off, err *e)
{
	const double ml = w->a->map->voxel;
	*off = 0;
	for (size_t i = 0; i < w->r->n; i++) {
		atrophy_part *p = &w->r->parts[i];
		p->after = ml * sum_of(w->now, labels_of(w, i), w->a->map->count);
		*off = fmax(*off, fabs(p->after - p->wanted) / fmax(fabs(p->wanted - p->before), .01 * p->before));
	}
	for (size_t i = 0; i < w->r->n; i++) {
		const double wanted = own(w, i, true), is = own(w, i, false);
		/* a part that others fill has nothing of its own to correct */
		if (is <= 1e-9 && fabs(wanted) <= 1e-9)
			continue;
		if (!(wanted > 0 && is > 0))
			return err_set(e, ERR_DATA, "%s: nothing would remain of it beside the regions in it", w->r->parts[i].of->name);
		/* what leaves a region on its way grows or shrinks no more, so that it takes more divergence than the logarithm says: how
		 * much more, the last step has shown */
		double gain = 1;
		if (w->last[i] != 0 && log(is) != w->level[i])
			gain = fmin(fmax(w->last[i] / (log(is) - w->level[i]), .5), 3);
		w->level[i] = log(is);
		w->last[i] = gain * log(wanted / is);
		w->divergence[i] += w->last[i];
	}
	return 0;
}

/* The field of divergences, balanced by the rest so that the box keeps its volume. */
static void fill_source(const struct work *w)
{
	const size_t count = volume_count(w->a->map->n);
	double sum = 0;
	size_t resting = 0;
	for (size_t i = 0; i < count; i++) {
		const int owner = w->owner[w->r->labels[i]];
		sum += owner >= 0 ? w->divergence[owner] : 0;
		resting += owner == REST;
	}
	const double rest = resting ? -sum / (double)resting : 0;
	for (size_t i = 0; i < count; i++) {
		const int owner = w->owner[w->r->labels[i]];
		w->source[i] = (float)(owner >= 0 ? w->divergence[owner] : owner == REST ? rest : 0);
	}
}

static int rounds(struct work *w, err *e)
{
	const label_map *m = w->a->map;
	const way changed = { .by = &w->r->by, .towards = w->a->towards };
	double off = 0;
	int code = correct(w, &off, e);
	while (!code && off > CLOSE && w->r->rounds < ATROPHY_ROUNDS) {
		fill_source(w);
		flow_free(&w->r->by);
		code = poisson_flow(&w->r->by, w->source, m->n, w->a->mm, e);
		if (!code)
			code = way_volumes(w->now, &changed, m, e);
		if (!code)
			code = correct(w, &off, e);
		w->r->rounds++;
	}
	for (int l = 0; l < m->count && !code; l++)
		w->r->after[l] = w->now[l] * m->voxel;
	return code;
}

static int prepare(struct work *w, err *e)
{
	const atrophy *a = w->a;
	atrophy_result *r = w->r;
	const size_t count = (size_t)a->map->count, voxels = volume_count(a->map->n);
	r->n = a->changes->n + a->fills->n;
	const struct {
		void *array;
		size_t n, size;
	} all[] = { { &r->parts, r->n, sizeof *r->parts },
		    { &r->before, count, sizeof *r->before },
		    { &r->after, count, sizeof *r->after },
		    { &r->labels, voxels, sizeof *r->labels },
		    { &w->now, count, sizeof *w->now },
		    { &w->in, r->n * count, sizeof *w->in },
		    { &w->owner, count, sizeof *w->owner },
		    { &w->parent, r->n, sizeof *w->parent },
		    { &w->divergence, r->n, sizeof *w->divergence },
		    { &w->last, r->n, sizeof *w->last },
		    { &w->level, r->n, sizeof *w->level },
		    { &w->source, voxels, sizeof *w->source } };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		int code = mem_zero(all[i].array, all[i].n, all[i].size, "atrophy", e);
		if (code)
			return code;
	}
	for (size_t i = 0; i < r->n; i++) {
		r->parts[i].of = i < a->changes->n ? &a->changes->all[i].of : &a->fills->all[i - a->changes->n].of;
		region_of_map(w->in + i * count, r->parts[i].of, a->map);
	}
	return 0;
}

int atrophy_solve(atrophy_result *r, const atrophy *a, err *e)
{
	const way moved = { .towards = a->towards };
	struct work w = { .a = a, .r = r };
	*r = (atrophy_result){ .rounds = 0 };
	int code = prepare(&w, e);
	if (!code)
		code = way_volumes(w.now, &moved, a->map, e);
	if (!code) {
		way_labels(r->labels, &moved, a->map);
		for (int l = 0; l < a->map->count; l++)
			r->before[l] = w.now[l] * a->map->voxel;
		code = sort_out(&w, e);
	}
	if (!code)
		code = wish(&w, e);
	if (!code)
		code = rounds(&w, e);
	free(w.now);
	free(w.in);
	free(w.owner);
	free(w.parent);
	free(w.divergence);
	free(w.last);
	free(w.level);
	free(w.source);
	return code;
}

void atrophy_free(atrophy_result *r)
{
	flow_free(&r->by);
	free(r->parts);
	free(r->before);
	free(r->after);
	free(r->labels);
	*r = (atrophy_result){ .rounds = 0 };
}
