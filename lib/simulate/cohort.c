#include "simulate/cohort.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/philox.h"

/* Which numbers of the generator are used for what. */
enum { GROUP = 0, ONSET = 1, RATE = 16 };

/* The sd's column of a region, -1: the column is no region's. */
static int sd_column(const tsv *t, const char *name)
{
	char text[256];
	return snprintf(text, sizeof text, "%s_sd", name) < (int)sizeof text ? tsv_column(t, text) : -1;
}

static int find_regions(cohort *c, err *e)
{
	int code = mem_zero(&c->region, c->table.columns, sizeof *c->region, c->table.path, e);
	for (size_t i = 0; i < c->table.columns && !code; i++)
		if (sd_column(&c->table, c->table.names[i]) >= 0)
			c->region[c->regions++] = c->table.names[i];
	if (!code && (!c->regions || c->regions > COHORT_REGIONS))
		code = err_set(e, ERR_DATA, "%s: %s", c->table.path,
			       c->regions ? "has more than 64 regions" : "has no region: columns NAME and NAME_sd");
	return code;
}

/* A cell as a number within bounds; `otherwise` where there is no value, which is wrong when it is NAN. */
static int number_in(double *out, const cohort *c, size_t row, const char *column, double otherwise, const double bounds[2], err *e)
{
	const char *cell = tsv_cell(&c->table, row, tsv_column(&c->table, column));
	if (tsv_missing(cell) && !isnan(otherwise)) {
		*out = otherwise;
		return 0;
	}
	int code = tsv_number(out, cell, e);
	if (!code && !(*out >= bounds[0] && *out <= bounds[1]))
		code = err_set(e, ERR_DATA, "%g is not from %g to %g", *out, bounds[0], bounds[1]);
	return code ? err_prefix(e, "%s: line %zu: %s", c->table.path, c->table.lines[row], column) : 0;
}

static int read_group(cohort *c, size_t row, err *e)
{
	const double shares[2] = { 0, 1e6 }, months[2] = { 0, 1200 }, rates[2] = { -50, 50 }, sds[2] = { 0, 50 };
	cohort_group *g = &c->groups[row];
	const char *becomes = tsv_cell(&c->table, row, tsv_column(&c->table, "becomes"));
	g->name = tsv_cell(&c->table, row, tsv_column(&c->table, "group"));
	g->becomes = -1;
	for (size_t i = 0; i < c->table.rows; i++)
		if (!strcmp(tsv_cell(&c->table, i, tsv_column(&c->table, "group")), becomes))
			g->becomes = (int)i;
	if (tsv_missing(becomes))
		g->becomes = -1;
	else if (g->becomes < 0)
		return err_set(e, ERR_DATA, "%s: line %zu: becomes: no group %.60s", c->table.path, c->table.lines[row], becomes);
	/* an onset is needed where there is something to become */
	const double none = g->becomes < 0 ? 0 : NAN;
	int code = number_in(&g->share, c, row, "share", NAN, shares, e);
	if (!code)
		code = number_in(&g->from, c, row, "onset_from", none, months, e);
	if (!code)
		code = number_in(&g->to, c, row, "onset_to", none, months, e);
	if (!code && g->to < g->from)
		code = err_set(e, ERR_DATA, "%s: line %zu: the last onset is before the first", c->table.path, c->table.lines[row]);
	if (!code)
		code = mem_zero(&g->rate, c->regions, sizeof *g->rate, "groups", e);
	if (!code)
		code = mem_zero(&g->sd, c->regions, sizeof *g->sd, "groups", e);
	for (size_t r = 0; r < c->regions && !code; r++) {
		code = number_in(&g->rate[r], c, row, c->region[r], NAN, rates, e);
		if (!code)
			code = number_in(&g->sd[r], c, row, c->table.names[sd_column(&c->table, c->region[r])], NAN, sds, e);
	}
	return code;
}

int cohort_read(cohort *c, const char *path, err *e)
{
	static const char *const needed[] = { "group", "share", "becomes", "onset_from", "onset_to" };
	double sum = 0;
	*c = (cohort){ .n = 0 };
	int code = tsv_read(&c->table, path, e);
	for (size_t i = 0; i < sizeof needed / sizeof *needed && !code; i++)
		if (tsv_column(&c->table, needed[i]) < 0)
			code = err_set(e, ERR_DATA, "%s: has no column %s", c->table.path, needed[i]);
	if (!code)
		code = find_regions(c, e);
	if (!code)
		code = mem_zero(&c->groups, c->table.rows, sizeof *c->groups, path, e);
	for (size_t i = 0; i < c->table.rows && !code; i++) {
		c->n = i + 1;
		code = read_group(c, i, e);
		sum += c->groups[i].share;
	}
	if (!code && !(sum > 0))
		code = err_set(e, ERR_DATA, "%s: the groups' shares are all 0", c->table.path);
	return code;
}

void cohort_free(cohort *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->groups[i].rate);
		free(c->groups[i].sd);
	}
	free(c->groups);
	free(c->region);
	tsv_free(&c->table);
	*c = (cohort){ .n = 0 };
}

void cohort_draw(cohort_subject *s, const cohort *c, uint64_t seed, const char *name)
{
	const philox r = philox_make(seed, philox_hash(name));
	double sum = 0, at = philox_uniform(r, GROUP);
	for (size_t i = 0; i < c->n; i++)
		sum += c->groups[i].share;
	size_t chosen = 0;
	for (size_t i = 0; i < c->n; i++) {
		if (c->groups[i].share > 0)
			chosen = i;
		at -= c->groups[i].share / sum;
		if (at < 0)
			break;
	}
	*s = (cohort_subject){ .group = &c->groups[chosen], .onset = INFINITY };
	const cohort_group *later = s->group;
	if (s->group->becomes >= 0) {
		later = &c->groups[s->group->becomes];
		s->onset = s->group->from + philox_uniform(r, ONSET) * (s->group->to - s->group->from);
	}
	for (size_t i = 0; i < c->regions; i++) {
		const double z = fmax(-2, fmin(2, philox_normal(r, RATE + i)));
		s->rate[i] = fmin(0, s->group->rate[i] + z * s->group->sd[i]);
		s->later[i] = fmin(0, later->rate[i] + z * later->sd[i]);
	}
}

double cohort_change(const cohort_subject *s, size_t region, double months)
{
	const double before = fmin(months, s->onset) / 12, after = fmax(0, months - s->onset) / 12;
	return 100 * (pow(1 + s->rate[region] / 100, before) * pow(1 + s->later[region] / 100, after) - 1);
}

size_t cohort_other(uint64_t seed, const char *const *names, size_t n, size_t self)
{
	/* the highest of numbers drawn for each pair (Thaler & Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM ToN
	 * 1998) */
	const philox r = philox_make(seed, philox_hash(names[self]));
	double most = -1;
	size_t other = self;
	for (size_t i = 0; i < n; i++) {
		const double v = philox_uniform(r, philox_hash(names[i]));
		if (i != self && v > most) {
			most = v;
			other = i;
		}
	}
	return other;
}

uint64_t cohort_seed(uint64_t seed, const char *name)
{
	uint32_t b[4];
	philox_block(philox_make(seed, philox_hash(name)), 0, b);
	return ((uint64_t)b[0] << 32 | b[1]) >> 12;
}
