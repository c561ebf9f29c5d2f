#include "simulate/way.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/threads.h"
#include "volume/grid.h"

/* ---- places ---- */

/* Linear between the elements of an array [m0,m1,m2], at places within it. */
static double between(const float *v, const int m[3], const double at[3])
{
	size_t low[3], step[3];
	double f[3];
	for (int i = 0; i < 3; i++) {
		const double x = fmin(fmax(at[i], 0), m[i] - 1);
		low[i] = (size_t)x;
		step[i] = low[i] + 1 < (size_t)m[i];
		f[i] = x - (double)low[i];
	}
	const size_t row = (size_t)m[2], plane = row * (size_t)m[1];
	v += low[0] * plane + low[1] * row + low[2];
	const size_t x = step[0] * plane, y = step[1] * row, z = step[2];
	const double a = (double)v[0] + f[2] * ((double)v[z] - (double)v[0]), b = (double)v[y] + f[2] * ((double)v[y + z] - (double)v[y]),
		     c = (double)v[x] + f[2] * ((double)v[x + z] - (double)v[x]),
		     d = (double)v[x + y] + f[2] * ((double)v[x + y + z] - (double)v[x + y]);
	const double ab = a + f[1] * (b - a), cd = c + f[1] * (d - c);
	return ab + f[0] * (cd - ab);
}

static void flow_back(const flow *f, double p[3])
{
	for (int step = 0; step < WAY_STEPS; step++) {
		double v[3];
		for (int a = 0; a < 3; a++) {
			double at[3] = { p[0], p[1], p[2] };
			int m[3] = { f->n[0], f->n[1], f->n[2] };
			m[a]++;
			at[a] += .5;
			v[a] = between(f->face[a], m, at);
		}
		for (int a = 0; a < 3; a++)
			p[a] -= v[a] / WAY_STEPS;
	}
}

void way_back(const way *w, double p[3])
{
	if (w->turn)
		affine_apply(p, (double(*)[4])w->turn, (const double[3]){ p[0], p[1], p[2] });
	if (w->by && w->by->face[0])
		flow_back(w->by, p);
	if (w->towards) {
		float q[3] = { (float)p[0], (float)p[1], (float)p[2] };
		pull_apply(w->towards, q);
		for (int a = 0; a < 3; a++)
			p[a] = (double)q[a];
	}
}

/* ---- scans and labels ---- */

void way_scan(volume *out, const way *w, const volume *scan)
{
	const int *n = scan->n;
	const long count = (long)volume_count(n);
	float low = 0, high = 0; /* what lies outside is 0 */
	for (long i = 0; i < count; i++) {
		low = fminf(low, scan->v[i]);
		high = fmaxf(high, scan->v[i]);
	}
#pragma omp parallel for schedule(static) num_threads(threads_count())
	for (long line = 0; line < (long)n[0] * n[1]; line++)
		for (int k = 0; k < n[2]; k++) {
			double p[3] = { (double)(line / n[1]), (double)(line % n[1]), k };
			way_back(w, p);
			out->v[line * n[2] + k] = fminf(fmaxf(grid_at(scan->v, n, p, GRID_FADE), low), high);
		}
}

static size_t nearest(const int n[3], const double p[3])
{
	int at[3];
	for (int a = 0; a < 3; a++)
		at[a] = volume_clamp((int)floor(fmin(fmax(p[a], -1), n[a]) + .5), n[a]);
	return ((size_t)at[0] * (size_t)n[1] + (size_t)at[1]) * (size_t)n[2] + (size_t)at[2];
}

void way_labels(uint16_t *out, const way *w, const label_map *m)
{
	const int *n = m->n;
#pragma omp parallel for schedule(static) num_threads(threads_count())
	for (long line = 0; line < (long)n[0] * n[1]; line++)
		for (int k = 0; k < n[2]; k++) {
			double p[3] = { (double)(line / n[1]), (double)(line % n[1]), k };
			way_back(w, p);
			out[line * n[2] + k] = m->at[nearest(n, p)];
		}
}

/* ---- volumes ---- */

int way_volumes(double *volumes, const way *w, const label_map *m, err *e)
{
	const int *n = m->n;
	double *of_plane;
	int code = mem_zero(&of_plane, (size_t)n[0] * (size_t)m->count, sizeof *of_plane, "volumes", e);
	if (code)
		return code;
#pragma omp parallel for schedule(static) num_threads(threads_count())
	for (int i = 0; i < n[0]; i++)
		for (int j = 0; j < n[1]; j++)
			for (int k = 0; k < n[2]; k++) {
				double p[3] = { i, j, k };
				label_share of[LABEL_SHARES];
				way_back(w, p);
				for (int s = label_map_shares(of, m, p); s-- > 0;)
					of_plane[(size_t)i * (size_t)m->count + of[s].label] += of[s].share;
			}
	for (int l = 0; l < m->count; l++) {
		volumes[l] = 0;
		for (int i = 0; i < n[0]; i++)
			volumes[l] += of_plane[(size_t)i * (size_t)m->count + (size_t)l];
	}
	free(of_plane);
	return 0;
}

/* ---- Jacobians ---- */

static double determinant(double d[3][3])
{
	return d[0][0] * (d[1][1] * d[2][2] - d[1][2] * d[2][1]) - d[0][1] * (d[1][0] * d[2][2] - d[1][2] * d[2][0]) +
	       d[0][2] * (d[1][0] * d[2][1] - d[1][1] * d[2][0]);
}

/* Least and most of the determinants at voxel `at`, of differences to the neighbours on either side that there are; at least one voxel
 * each way is there, or the axis has one voxel and counts as unchanged. */
static void determinants(double range[2], const float *places, const int n[3], const int at[3])
{
	const long step[3] = { (long)n[1] * n[2], n[2], 1 };
	const float *here = places + 3 * (at[0] * step[0] + at[1] * step[1] + at[2]);
	range[0] = INFINITY;
	range[1] = -INFINITY;
	for (int c = 0; c < 8; c++) {
		double d[3][3];
		bool there = true;
		for (int a = 0; a < 3 && there; a++) {
			const int side = c >> a & 1 ? 1 : -1, to = at[a] + side;
			there = n[a] == 1 || (to >= 0 && to < n[a]);
			for (int k = 0; k < 3 && there; k++)
				d[a][k] = n[a] == 1 ? a == k : side * ((double)here[3 * side * step[a] + k] - (double)here[k]);
		}
		if (!there)
			continue;
		const double v = determinant(d);
		range[0] = fmin(range[0], v);
		range[1] = fmax(range[1], v);
	}
}

static void measure_plane(way_extent *x, double *least, double *most, const float *places, const label_map *m, const uint16_t *at, int i)
{
	const int *n = m->n;
	size_t folded = 0;
	for (int j = 0; j < n[1]; j++)
		for (int k = 0; k < n[2]; k++) {
			const size_t label = at[((size_t)i * (size_t)n[1] + (size_t)j) * (size_t)n[2] + (size_t)k];
			double range[2];
			determinants(range, places, n, (const int[3]){ i, j, k });
			folded += !(range[0] > 0);
			least[label] = fmin(least[label], 1 / range[1]);
			most[label] = fmax(most[label], range[0] > 0 ? 1 / range[0] : INFINITY);
		}
#pragma omp atomic
	x->folded += folded;
}

int way_measure(way_extent *x, const way *w, const label_map *m, const uint16_t *at, err *e)
{
	const int *n = m->n;
	const size_t all = (size_t)n[0] * (size_t)m->count;
	float *places = NULL;
	double *least = NULL, *most = NULL;
	*x = (way_extent){ .folded = 0 };
	int code = mem_zero(&places, volume_count(n) * 3, sizeof *places, "Jacobians", e);
	if (!code)
		code = mem_zero(&least, all, sizeof *least, "Jacobians", e);
	if (!code)
		code = mem_zero(&most, all, sizeof *most, "Jacobians", e);
	if (!code)
		code = mem_zero(&x->least, (size_t)m->count, sizeof *x->least, "Jacobians", e);
	if (!code)
		code = mem_zero(&x->most, (size_t)m->count, sizeof *x->most, "Jacobians", e);
	if (!code) {
#pragma omp parallel for schedule(static) num_threads(threads_count())
		for (long line = 0; line < (long)n[0] * n[1]; line++)
			for (int k = 0; k < n[2]; k++) {
				double p[3] = { (double)(line / n[1]), (double)(line % n[1]), k };
				way_back(w, p);
				for (int a = 0; a < 3; a++)
					places[3 * (line * n[2] + k) + a] = (float)p[a];
			}
		for (size_t l = 0; l < all; l++)
			least[l] = INFINITY;
#pragma omp parallel for schedule(static) num_threads(threads_count())
		for (int i = 0; i < n[0]; i++)
			measure_plane(x, least + (size_t)i * (size_t)m->count, most + (size_t)i * (size_t)m->count, places, m, at, i);
		for (size_t l = 0; l < (size_t)m->count; l++) {
			x->least[l] = INFINITY;
			for (size_t i = l; i < all; i += (size_t)m->count) {
				x->least[l] = fmin(x->least[l], least[i]);
				x->most[l] = fmax(x->most[l], most[i]);
			}
		}
	}
	free(places);
	free(least);
	free(most);
	return code;
}

void way_extent_free(way_extent *x)
{
	free(x->least);
	free(x->most);
	*x = (way_extent){ .folded = 0 };
}
