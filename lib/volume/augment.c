#include "volume/augment.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/threads.h"
#include "volume/cubic.h"

/* Which numbers of the generator are used for what. */
enum { AFFINE = 0, INTENSITY = 16, CONTROL = 64 };
#define NOISE ((uint64_t)1 << 40)

/* Fields on the control points: displacement along X, Y, Z in voxels, and the log of the bias. */
enum { FIELDS = 4 };

/* Everything that is drawn once for a volume. */
struct draw {
	double map[3][4]; /* voxel of the result -> voxel of the input, before the deformation */
	float gain, gamma;
	int spacing, g[3]; /* control points an axis */
	float *control; /* [g0,g1,g2,FIELDS] */
	float bias; /* 0: no such field */
	float low, high; /* of the input and what surrounds it */
	pull pull; /* v NULL: none */
};

augmentation augmentation_default(void)
{
	return (augmentation){ .flip = .5,
			       .flip_axis = 0,
			       .rotation = 3,
			       .scaling = .03,
			       .shift = 1,
			       .warp = 2.5,
			       .spacing = 10,
			       .gain = .05,
			       .gamma = .08,
			       .bias = .15,
			       .noise = .01 };
}

/* Rotation about each axis in turn, then scaling, round the middle of the grid; a mirror image last. */
static void draw_affine(double map[3][4], const int n[3], const augmentation *a, philox r)
{
	double m[3][3] = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } }, middle[3];
	for (int axis = 0; axis < 3; axis++) {
		double angle = a->rotation * acos(-1) / 180 * philox_normal(r, AFFINE + (uint64_t)axis), c = cos(angle), s = sin(angle);
		int p = (axis + 1) % 3, q = (axis + 2) % 3;
		for (int i = 0; i < 3; i++) {
			double u = m[i][p], v = m[i][q];
			m[i][p] = c * u - s * v;
			m[i][q] = s * u + c * v;
		}
	}
	for (int j = 0; j < 3; j++) {
		double scale = exp(a->scaling * philox_normal(r, AFFINE + 3 + (uint64_t)j));
		middle[j] = (n[j] - 1) / 2.;
		for (int i = 0; i < 3; i++)
			m[i][j] *= scale;
	}
	bool flip = philox_uniform(r, AFFINE + 9) < a->flip;
	for (int i = 0; i < 3; i++) {
		double at = middle[i] + a->shift * philox_normal(r, AFFINE + 6 + (uint64_t)i);
		for (int j = 0; j < 3; j++) {
			map[i][j] = m[i][j];
			at -= m[i][j] * middle[j];
		}
		map[i][3] = at;
		if (flip && i == a->flip_axis) {
			for (int j = 0; j < 4; j++)
				map[i][j] = -map[i][j];
			map[i][3] += n[i] - 1;
		}
	}
}

static int draw_all(struct draw *d, const int n[3], const augmentation *a, philox r, err *e)
{
	size_t points = 1;
	*d = (struct draw){ .spacing = a->spacing, .bias = (float)a->bias };
	draw_affine(d->map, n, a, r);
	d->gain = (float)exp(a->gain * philox_normal(r, INTENSITY));
	d->gamma = (float)exp(a->gamma * philox_normal(r, INTENSITY + 1));
	for (int i = 0; i < 3; i++) {
		/* a cubic B-spline reaches one control point back and two ahead */
		d->g[i] = (n[i] - 1) / d->spacing + 4;
		points *= (size_t)d->g[i];
	}
	int code = mem_zero(&d->control, points * FIELDS, sizeof *d->control, "deformation", e);
	for (size_t i = 0; !code && i < points * FIELDS; i++)
		d->control[i] = (float)((i % FIELDS < 3 ? a->warp : a->bias) * philox_normal(r, CONTROL + i));
	return code;
}

/* Weights of the four control points round place i, and the first of them in *at. */
static void spline(float w[4], int *at, int i, int spacing)
{
	float f = (float)(i % spacing) / (float)spacing, g = 1 - f;
	*at = i / spacing;
	w[0] = g * g * g / 6;
	w[1] = (3 * f * f * f - 6 * f * f + 4) / 6;
	w[2] = (3 * g * g * g - 6 * g * g + 4) / 6;
	w[3] = f * f * f / 6;
}

/* out = the weighted sum of four successive blocks of `size` floats. */
static void blend(float *out, const float *in, const float w[4], size_t size)
{
	for (size_t i = 0; i < size; i++)
		out[i] = w[0] * in[i] + w[1] * in[size + i] + w[2] * in[2 * size + i] + w[3] * in[3 * size + i];
}

/* Cubic between voxels, which keeps them as sharp as they were; 0 outside; within the input's own range. */
static float cubic(const float *v, const int n[3], const float p[3], float low, float high)
{
	int at[3];
	float w[3][4], sum = 0;
	for (int a = 0; a < 3; a++) {
		if (!(p[a] > -1 && p[a] < (float)n[a]))
			return 0;
		float whole = floorf(p[a]);
		at[a] = (int)whole - 1;
		double exact[4];
		cubic_weights(exact, (double)(p[a] - whole));
		for (int k = 0; k < 4; k++)
			w[a][k] = (float)exact[k];
	}
	/* the taps that there are; nearly always all four */
	int z0 = at[2] < 0 ? -at[2] : 0, z1 = at[2] + 4 > n[2] ? n[2] - at[2] : 4;
	for (int i = at[0] < 0 ? -at[0] : 0; i < 4 && at[0] + i < n[0]; i++)
		for (int j = at[1] < 0 ? -at[1] : 0; j < 4 && at[1] + j < n[1]; j++) {
			long first = ((long)(at[0] + i) * n[1] + (at[1] + j)) * n[2] + at[2];
			float s = 0;
			if (z0 == 0 && z1 == 4)
				s = w[2][0] * v[first] + w[2][1] * v[first + 1] + w[2][2] * v[first + 2] + w[2][3] * v[first + 3];
			else
				for (int k = z0; k < z1; k++)
					s += w[2][k] * v[first + k];
			sum += w[0][i] * w[1][j] * s;
		}
	return fminf(fmaxf(sum, low), high);
}

/* Nearly normal, sd 1: the sum of eight 16-bit uniform numbers; cheap, and no value is far away. */
static float rough_normal(philox r, uint64_t i)
{
	uint32_t b[4];
	float sum = 0;
	philox_block(r, i, b);
	for (int k = 0; k < 4; k++)
		sum += (float)(b[k] & 0xffff) + (float)(b[k] >> 16);
	return (sum / 65535 - 4) * 1.2247449f;
}

static float change(float v, float log_bias, const struct draw *d, const augmentation *a, philox r, uint64_t voxel)
{
	if (!(v > 0))
		return v;
	float w = d->gain * (a->gamma > 0 ? powf(v, d->gamma) : v) * (d->bias > 0 ? expf(log_bias) : 1);
	return a->noise > 0 ? w + (float)a->noise * rough_normal(r, NOISE + voxel) : w;
}

/* Plane x of the result; scratch holds (g1 + 1) * g2 * FIELDS floats. */
static void plane(float *out, const float *in, const int n[3], int x, const struct draw *d, const augmentation *a, philox r, float *scratch)
{
	size_t line = (size_t)d->g[2] * FIELDS;
	float w[4], *points = scratch, *row = scratch + (size_t)d->g[1] * line;
	int at;
	spline(w, &at, x, d->spacing);
	blend(points, d->control + (size_t)at * (size_t)d->g[1] * line, w, (size_t)d->g[1] * line);
	for (int y = 0; y < n[1]; y++) {
		spline(w, &at, y, d->spacing);
		blend(row, points + (size_t)at * line, w, line);
		for (int z = 0; z < n[2]; z++) {
			float field[FIELDS], p[3];
			size_t voxel = ((size_t)x * (size_t)n[1] + (size_t)y) * (size_t)n[2] + (size_t)z;
			spline(w, &at, z, d->spacing);
			blend(field, row + at * FIELDS, w, FIELDS);
			for (int k = 0; k < 3; k++)
				p[k] = (float)(d->map[k][0] * x + d->map[k][1] * y + d->map[k][2] * z + d->map[k][3]) + field[k];
			if (d->pull.v)
				pull_apply(&d->pull, p);
			out[voxel] = change(cubic(in, n, p, d->low, d->high), field[3], d, a, r, voxel);
		}
	}
}

int augment(float *out, const float *in, const int n[3], const augmentation *a, const augment_shape *shape, philox r, err *e)
{
	struct draw d;
	bool failed = false;
	if (a->spacing < 2)
		return err_set(e, ERR_BUG, "augmentation: control points every %d voxels", a->spacing);
	int code = draw_all(&d, n, a, r, e);
	if (!code && a->towards > 0 && shape && shape->own && shape->other)
		code = pull_new(&d.pull, n, shape->spacing, shape->own, shape->other, a->towards * philox_uniform(r, AFFINE + 10), e);
	if (code) {
		free(d.control);
		pull_free(&d.pull);
		return code;
	}
	for (size_t i = 0, count = (size_t)n[0] * (size_t)n[1] * (size_t)n[2]; i < count; i++) {
		d.low = fminf(d.low, in[i]);
		d.high = fmaxf(d.high, in[i]);
	}
#pragma omp parallel num_threads(threads_count())
	{
		float *scratch = malloc((size_t)(d.g[1] + 1) * (size_t)d.g[2] * FIELDS * sizeof *scratch);
		if (!scratch) {
#pragma omp atomic write
			failed = true;
		}
#pragma omp for schedule(static)
		for (int x = 0; x < n[0]; x++)
			if (scratch)
				plane(out, in, n, x, &d, a, r, scratch);
		free(scratch);
	}
	free(d.control);
	pull_free(&d.pull);
	return failed ? err_set(e, ERR_OS, "augmentation: no memory") : 0;
}
