#include "volume/likeness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/threads.h"
#include "volume/grid.h"
#include "volume/percentile.h"
#include "volume/score.h"

enum { WINDOW = 7, TURNS = 24, MOST_TRIED = 6, MOST_STEPS = 20 };
static const double COARSE = 6; /* mm */

/* ---- the coarse grid ---- */

/* A new volume along right, front and up, voxels of COARSE mm, that covers the box of v's voxels. */
static int cover(volume *out, const volume *v, err *e)
{
	double low[3] = { INFINITY, INFINITY, INFINITY }, high[3] = { -INFINITY, -INFINITY, -INFINITY };
	volume g = *v;
	int n[3];
	for (int corner = 0; corner < 8; corner++) {
		double at[3];
		for (int a = 0; a < 3; a++)
			at[a] = corner >> a & 1 ? g.n[a] - .5 : -.5;
		affine_apply(at, g.affine, at);
		for (int a = 0; a < 3; a++) {
			low[a] = fmin(low[a], at[a]);
			high[a] = fmax(high[a], at[a]);
		}
	}
	for (int a = 0; a < 3; a++) {
		double steps = round((high[a] - low[a]) / COARSE);
		if (!(steps <= 1024))
			return err_set(e, ERR_DATA, "%.3g m are no size of a scan", (high[a] - low[a]) / 1000);
		n[a] = steps < 1 ? 1 : (int)steps;
	}
	int code = volume_new(out, n, e);
	for (int a = 0; a < 3 && !code; a++) {
		memset(out->affine[a], 0, sizeof out->affine[a]);
		out->affine[a][a] = COARSE;
		out->affine[a][3] = (low[a] + high[a] - (n[a] - 1) * COARSE) / 2;
	}
	return code;
}

/* out's voxels from v, which is moved by `move` (world mm to world mm). */
static int sample(volume *out, const volume *v, double move[3][4], err *e)
{
	double map[3][4];
	volume g = *v;
	affine_multiply(map, move, g.affine);
	if (!affine_inverse(map, map))
		return err_set(e, ERR_DATA, "the affine cannot be inverted");
	affine_multiply(map, map, out->affine);
	return grid_sample(out, map, v, GRID_FADE, e);
}

static void stay(double m[3][4])
{
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 4; j++)
			m[i][j] = i == j;
}

/* v on its own coarse grid, and its 99.9th percentile (0 when nothing is positive). */
static int coarsen(volume *out, double *top, const volume *v, err *e)
{
	double none[3][4];
	float *copy = NULL;
	stay(none);
	int code = cover(out, v, e);
	if (code)
		return code;
	size_t count = volume_count(out->n);
	code = sample(out, v, none, e);
	if (!code)
		code = mem_zero(&copy, count, sizeof *copy, "percentile", e);
	if (!code) {
		memcpy(copy, out->v, count * sizeof *copy);
		*top = fmax(percentile(copy, count, .999), 0);
	}
	free(copy);
	if (code)
		volume_free(out);
	return code;
}

/* Centre of mass (world mm) and litres of what is brighter than a tenth of top. */
static void measure(double centre[3], double *litres, const volume *v, double top)
{
	double sum[3] = { 0 }, weight = 0;
	size_t bright = 0, voxel = 0;
	volume g = *v;
	for (int i = 0; i < g.n[0]; i++)
		for (int j = 0; j < g.n[1]; j++)
			for (int k = 0; k < g.n[2]; k++) {
				double w = g.v[voxel++];
				if (!(w > top / 10))
					continue;
				bright++;
				weight += w;
				sum[0] += w * i;
				sum[1] += w * j;
				sum[2] += w * k;
			}
	for (int a = 0; a < 3; a++)
		sum[a] = bright ? sum[a] / weight : 0;
	affine_apply(centre, g.affine, sum);
	*litres = (double)bright * COARSE * COARSE * COARSE * 1e-6;
}

int likeness_open(likeness_reference *r, const volume *mean, err *e)
{
	double top;
	int code = coarsen(&r->brain, &top, mean, e);
	if (code)
		return code;
	size_t count = volume_count(r->brain.n);
	if (!(top > 0))
		code = err_set(e, ERR_DATA, "is empty");
	for (int a = 0; a < 3 && !code; a++)
		if (r->brain.n[a] < WINDOW)
			code = err_set(e, ERR_DATA, "is too small for the mean of brains");
	if (code) {
		volume_free(&r->brain);
		return code;
	}
	for (size_t i = 0; i < count; i++)
		r->brain.v[i] = (float)((double)r->brain.v[i] / top);
	measure(r->centre, &r->litres, &r->brain, 1);
	return 0;
}

void likeness_close(likeness_reference *r) { volume_free(&r->brain); }

/* ---- how like ---- */

/* SSIM of v, moved, with the mean. */
static int ssim(double *out, const likeness_reference *r, const volume *v, double move[3][4], err *e)
{
	volume on;
	size_t count = volume_count(r->brain.n);
	double both = 0, own = 0;
	ssim_result s = { .brain = 0 };
	int code = volume_new(&on, r->brain.n, e);
	if (code)
		return code;
	memcpy(on.affine, r->brain.affine, sizeof on.affine);
	code = sample(&on, v, move, e);
	for (size_t i = 0; i < count && !code; i++)
		if (r->brain.v[i] > .1f) {
			both += (double)r->brain.v[i] * (double)on.v[i];
			own += (double)on.v[i] * (double)on.v[i];
		}
	double fit = both > 0 ? both / own : 0;
	for (size_t i = 0; i < count && !code; i++)
		on.v[i] = (float)((double)on.v[i] * fit);
	if (!code)
		code = score_ssim(&s, r->brain.v, on.v, NULL, on.n, WINDOW, 1, e);
	*out = s.brain;
	volume_free(&on);
	return code;
}

typedef double matrix[3][4];

/* The same for n moves, side by side: what ssim calls is too small to be divided, and is not divided inside of a parallel region. */
static int ssims(double *out, const likeness_reference *r, const volume *v, matrix *move, int n, err *e)
{
	int code = 0;
#pragma omp parallel for num_threads(threads_count()) schedule(static)
	for (int i = 0; i < n; i++) {
		err own;
		int failed = ssim(&out[i], r, v, move[i], &own);
		if (failed) {
#pragma omp critical
			{
				code = failed;
				*e = own;
			}
		}
	}
	return code;
}

/* m = linear part `l` about a point, then to another. */
static void about(double m[3][4], double l[3][3], const double from[3], const double to[3])
{
	for (int i = 0; i < 3; i++) {
		m[i][3] = to[i];
		for (int j = 0; j < 3; j++) {
			m[i][j] = l[i][j];
			m[i][3] -= l[i][j] * from[j];
		}
	}
}

static const struct small_move {
	const char *name;
	int axis; /* right, front, up; -1: all */
	double turn, shift, scale; /* degrees, mm */
} moves[] = {
	{ "turned nose up by 10 degrees", 0, 10, 0, 1 },
	{ "turned nose down by 10 degrees", 0, -10, 0, 1 },
	{ "tilted to the right by 10 degrees", 1, 10, 0, 1 },
	{ "tilted to the left by 10 degrees", 1, -10, 0, 1 },
	{ "turned nose left by 10 degrees", 2, 10, 0, 1 },
	{ "turned nose right by 10 degrees", 2, -10, 0, 1 },
	{ "moved right by 8 mm", 0, 0, 8, 1 },
	{ "moved left by 8 mm", 0, 0, -8, 1 },
	{ "moved to the front by 8 mm", 1, 0, 8, 1 },
	{ "moved to the back by 8 mm", 1, 0, -8, 1 },
	{ "moved up by 8 mm", 2, 0, 8, 1 },
	{ "moved down by 8 mm", 2, 0, -8, 1 },
	{ "made larger by 8 %", -1, 0, 0, 1.08 },
	{ "made smaller by 8 %", -1, 0, 0, .92 },
};

enum { MOVES = sizeof moves / sizeof *moves };

static void small_matrix(double m[3][4], const struct small_move *s, const double centre[3])
{
	double l[3][3] = { { s->scale, 0, 0 }, { 0, s->scale, 0 }, { 0, 0, s->scale } }, to[3] = { centre[0], centre[1], centre[2] };
	if (s->axis >= 0) {
		int a = (s->axis + 1) % 3, b = (s->axis + 2) % 3;
		double angle = s->turn * M_PI / 180;
		l[a][a] = l[b][b] = cos(angle);
		l[b][a] = sin(angle);
		l[a][b] = -sin(angle);
		to[s->axis] += s->shift;
	}
	about(m, l, centre, to);
}

int likeness_of(likeness *out, const likeness_reference *r, const volume *scan, err *e)
{
	matrix m[MOVES + 1];
	double s[MOVES + 1];
	volume there;
	int code = volume_new(&there, r->brain.n, e);
	if (code)
		return code;
	memcpy(there.affine, r->brain.affine, sizeof there.affine);
	stay(m[MOVES]);
	for (int i = 0; i < MOVES; i++)
		small_matrix(m[i], &moves[i], r->centre);
	code = sample(&there, scan, m[MOVES], e);
	if (!code)
		code = ssims(s, r, &there, m, MOVES + 1, e);
	volume_free(&there);
	if (code)
		return code;
	*out = (likeness){ .ssim = s[MOVES], .best = s[0], .move = moves[0].name };
	/* Size is no sign of a wrong registration: templates differ in it by 8 % (Colin27's brain and that of MNI152NLin2009c). */
	for (int i = 1; i < MOVES; i++)
		if (moves[i].scale == 1 && s[i] > out->best) {
			out->best = s[i];
			out->move = moves[i].name;
		}
	return 0;
}

const char *likeness_concern(char text[200], const likeness *l)
{
	if (!(l->ssim >= LIKENESS_LEAST))
		snprintf(text, 200, "does not look like a registered brain: SSIM with the mean brain %.2f, less than %.2f",
			 l->ssim, LIKENESS_LEAST);
	else if (l->best > l->ssim + LIKENESS_ASKEW)
		snprintf(text, 200, "does not look like a registered brain: more like the mean brain if it were %s (SSIM %.2f, not %.2f)",
			 l->move, l->best, l->ssim);
	else
		return NULL;
	return text;
}

/* ---- which way up ---- */

/* Of the 48 ways to take axes to axes, the first of which changes nothing: false for the 24 that turn left into right. */
static bool turn_of(double l[3][3], int which)
{
	static const int orders[6][3] = { { 0, 1, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 0, 2, 1 }, { 2, 1, 0 }, { 1, 0, 2 } };
	int signs = which % 8, order = which / 8, handedness = order < 3 ? 1 : -1;
	memset(l, 0, sizeof(double[3][3]));
	for (int a = 0; a < 3; a++) {
		int sign = signs >> a & 1 ? -1 : 1;
		l[a][orders[order][a]] = sign;
		handedness *= sign;
	}
	return handedness > 0;
}

static void swap(double *s, double *t, matrix m, matrix n)
{
	matrix other;
	double was = *s;
	*s = *t;
	*t = was;
	memcpy(other, m, sizeof(matrix));
	memcpy(m, n, sizeof(matrix));
	memcpy(n, other, sizeof(matrix));
}

/* From m, whose SSIM is *best, uphill by small moves until none makes it more alike. */
static int climb(matrix m, double *best, const likeness_reference *r, const volume *v, err *e)
{
	for (int steps = 0; steps < MOST_STEPS; steps++) {
		matrix next[MOVES];
		double s[MOVES];
		int up = 0;
		for (int i = 0; i < MOVES; i++) {
			small_matrix(next[i], &moves[i], r->centre);
			affine_multiply(next[i], next[i], m);
		}
		int code = ssims(s, r, v, next, MOVES, e);
		if (code)
			return code;
		for (int i = 1; i < MOVES; i++)
			if (s[i] > s[up])
				up = i;
		if (s[up] <= *best)
			return 0;
		*best = s[up];
		memcpy(m, next[up], sizeof(matrix));
	}
	return 0;
}

/* m without its size, as a turn about a point that stays; how far it turns, in degrees. */
static double turn_alone(matrix out, matrix m, const double centre[3])
{
	double l[3][3], size = sqrt(m[0][0] * m[0][0] + m[1][0] * m[1][0] + m[2][0] * m[2][0]);
	for (int i = 0; i < 9; i++)
		l[i / 3][i % 3] = m[i / 3][i % 3] / size;
	about(out, l, centre, centre);
	return acos(fmin(fmax((l[0][0] + l[1][1] + l[2][2] - 1) / 2, -1), 1)) * 180 / M_PI;
}

int likeness_find_turn(likeness_turn *out, const likeness_reference *r, const volume *scan, err *e)
{
	double top, centre[3], litres, s[TURNS];
	matrix m[TURNS];
	volume coarse;
	int count = 0, best = 0;
	int code = coarsen(&coarse, &top, scan, e);
	if (code)
		return code;
	measure(centre, &litres, &coarse, top);
	/* a brain's size, but not that of something else */
	double scale = fmin(fmax(cbrt(r->litres / litres), .7), 1.4);
	for (int which = 0; count < TURNS; which++) {
		double l[3][3];
		if (!turn_of(l, which))
			continue;
		for (int i = 0; i < 9; i++)
			l[i / 3][i % 3] *= scale;
		about(m[count++], l, centre, r->centre);
	}
	code = litres > 0 ? ssims(s, r, &coarse, m, TURNS, e) : err_set(e, ERR_DATA, "is empty");
	/* uphill from the most promising ones, until one has come to where it is like a brain */
	for (int tried = 0; tried < MOST_TRIED && s[best] < LIKENESS_LEAST && !code; tried++) {
		int next = tried;
		for (int i = tried + 1; i < TURNS; i++)
			if (s[i] > s[next])
				next = i;
		swap(&s[tried], &s[next], m[tried], m[next]);
		code = climb(m[tried], &s[tried], r, &coarse, e);
		if (s[tried] > s[best])
			best = tried;
	}
	volume_free(&coarse);
	if (code)
		return code;
	out->ssim = s[best];
	out->degrees = turn_alone(out->matrix, m[best], centre);
	if (out->degrees <= LIKENESS_UPRIGHT)
		stay(out->matrix);
	return 0;
}
