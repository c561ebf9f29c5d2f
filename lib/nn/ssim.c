#include <math.h>

#include "nn/internal.h"
#include "nn/loss.h"
#include "nn/sums.h"

enum { SIZE = 11, CHUNK = 4096 };
static const float C1 = 1e-4f, C2 = 9e-4f;	/* (.01 L)^2, (.03 L)^2 for a range L of 1 */

/* A Gaussian of sigma 1.5 (Wang et al. 2004, section III.C). */
static void make_window(float w[SIZE])
{
	double sum = 0, x;
	for (int i = 0; i < SIZE; i++) {
		x = (i - SIZE / 2) / 1.5;
		sum += exp(-.5 * x * x);
	}
	for (int i = 0; i < SIZE; i++) {
		x = (i - SIZE / 2) / 1.5;
		w[i] = (float)(exp(-.5 * x * x) / sum);
	}
}

/* Along one axis: out[q] = sum over i of w[i] in[q + i step] for the rows' elements q, step > 0; with step < 0 the transposed: terms
 * outside of the row are 0. */
static void blur_rows(nn *c, float *out, long n_out, const float *in, long n_in, long rows, long step, const float w[SIZE])
{
	long chunks = (n_out + CHUNK - 1) / CHUNK;
#pragma omp parallel for num_threads(nn_threads(c))
	for (long job = 0; job < rows * chunks; job++) {
		long first = job % chunks * CHUNK, last = first + CHUNK < n_out ? first + CHUNK : n_out;
		float *to = out + job / chunks * n_out;
		for (long q = first; q < last; q++)
			to[q] = 0;
		for (int i = 0; i < SIZE; i++) {
			const float *from = in + job / chunks * n_in + i * step;
			long low = i * step < 0 && first < -i * step ? -i * step : first, high = last;
			if (high > n_in - i * step)
				high = n_in - i * step;
#pragma omp simd
			for (long q = low; q < high; q++)
				to[q] += w[i] * from[q];
		}
	}
}

static shape windows(shape s) { return (shape){ s.b, s.x - SIZE + 1, s.y - SIZE + 1, s.z - SIZE + 1, s.c }; }

/* Means over the windows of s: v of shape s -> out of shape windows(s). */
static void blur(nn *c, float *out, const float *v, shape s, const float w[SIZE])
{
	shape o = windows(s);
	size_t n1 = (size_t)s.b * (size_t)s.x * (size_t)s.y * (size_t)o.z * (size_t)s.c, n2 = n1 / (size_t)s.y * (size_t)o.y;
	float *a = nn_take(c, n1), *b = nn_take(c, n2);
	if (a && b) {
		blur_rows(c, a, (long)o.z * s.c, v, (long)s.z * s.c, (long)s.b * s.x * s.y, s.c, w);
		blur_rows(c, b, (long)o.y * o.z * s.c, a, (long)s.y * o.z * s.c, (long)s.b * s.x, (long)o.z * s.c, w);
		blur_rows(c, out, (long)o.x * o.y * o.z * s.c, b, (long)s.x * o.y * o.z * s.c, s.b, (long)o.y * o.z * s.c, w);
	}
	nn_give(c, b, n2);
	nn_give(c, a, n1);
}

/* The transposed: v of shape windows(s) -> out of shape s. */
static void spread(nn *c, float *out, const float *v, shape s, const float w[SIZE])
{
	shape o = windows(s);
	size_t n2 = (size_t)s.b * (size_t)s.x * (size_t)o.y * (size_t)o.z * (size_t)s.c, n1 = n2 / (size_t)o.y * (size_t)s.y;
	float *a = nn_take(c, n1), *b = nn_take(c, n2);
	if (a && b) {
		blur_rows(c, b, (long)s.x * o.y * o.z * s.c, v, (long)o.x * o.y * o.z * s.c, s.b, -(long)o.y * o.z * s.c, w);
		blur_rows(c, a, (long)s.y * o.z * s.c, b, (long)o.y * o.z * s.c, (long)s.b * s.x, -(long)o.z * s.c, w);
		blur_rows(c, out, (long)s.z * s.c, a, (long)o.z * s.c, (long)s.b * s.x * s.y, -s.c, w);
	}
	nn_give(c, b, n2);
	nn_give(c, a, n1);
}

/* Window-weighted moments; those that x has a part in come first. */
enum { X, XX, XY, Y, YY, MOMENTS, OF_X = Y };

/* m: a window's moments [MOMENTS], `each` apart -> in place of the first OF_X the derivatives of SSIM by these, taken as independent;
 * in place of Y SSIM itself. */
static void similarity(float *m, size_t each)
{
	float x = m[X * each], xx = m[XX * each], xy = m[XY * each], y = m[Y * each], yy = m[YY * each];
	float means = x * x + y * y + C1, variances = xx - x * x + yy - y * y + C2;
	float a = (2 * x * y + C1) / means, b = (2 * (xy - x * y) + C2) / variances;
	m[XX * each] = -a * b / variances;
	m[XY * each] = 2 * a / variances;
	m[X * each] = 2 * b * (y - a * x) / means - 2 * x * m[XX * each] - y * m[XY * each];
	m[Y * each] = a * b;
}

static void ssim_backward(nn *c, node *n)
{
	tensor *x = n->in[0];
	const float *target = n->in[1]->v, *slopes = n->in[2]->v;
	size_t count = shape_count(x->s), each = shape_count(windows(x->s));
	float *g = nn_gradient(c, x), *part = nn_take(c, count), w[SIZE];
	make_window(w);
	for (int k = 0; g && k < OF_X; k++) {
		spread(c, part, slopes ? slopes + (size_t)k * each : NULL, x->s, w);
		if (!part)
			continue;	/* planning */
		float step = n->out->g[0] / (float)each;
#pragma omp parallel for num_threads(nn_threads(c))
		for (size_t i = 0; i < count; i++)
			g[i] += step * part[i] * (k == XX ? 2 * x->v[i] : k == XY ? target[i] : 1);
	}
	nn_give(c, part, count);
}

/* The windows' moments: [MOMENTS][as windows(x->s)]. */
static tensor *moments(nn *c, const tensor *x, const tensor *target)
{
	const tensor *first[MOMENTS] = { x, x, x, target, target }, *second[MOMENTS] = { NULL, x, target, NULL, target };
	shape s = windows(x->s);
	size_t count = shape_count(x->s), each = shape_count(s);
	s.b *= MOMENTS;
	tensor *m = nn_tensor(c, s);
	float *product = nn_take(c, count), w[SIZE];
	make_window(w);
	for (int k = 0; m && k < MOMENTS; k++) {
		for (size_t i = 0; product && i < count; i++)
			product[i] = first[k]->v[i] * (second[k] ? second[k]->v[i] : 1);
		blur(c, m->v ? m->v + (size_t)k * each : NULL, product, x->s, w);
	}
	nn_give(c, product, count);
	return m;
}

tensor *nn_ssim(nn *c, tensor *x, const tensor *target)
{
	if (!x || !target || !nn_ok(c))
		return NULL;
	if (!shape_equal(x->s, target->s))
		return nn_fail(c, ERR_BUG, "SSIM: tensors of different shapes");
	if (x->s.x < SIZE || x->s.y < SIZE || x->s.z < SIZE)
		return nn_fail(c, ERR_CONFIG, "%dx%dx%d voxels are too few for SSIM's window of %d", x->s.x, x->s.y, x->s.z, SIZE);
	tensor *m = moments(c, x, target), *out = nn_tensor(c, (shape){ 1, 1, 1, 1, 1 });
	size_t each = shape_count(windows(x->s));
	double sum = 0;
	if (out && out->v) {
#pragma omp parallel for num_threads(nn_threads(c))
		for (size_t i = 0; i < each; i++)
			similarity(m->v + i, each);
		sums_of(c, m->v + Y * each, 1, each, 1, false, &sum);
		out->v[0] = (float)(sum / (double)each);
	}
	nn_push(c, sizeof(node), ssim_backward, out, 3, (tensor *[]){ x, (tensor *)target, m }, false);
	nn_drop(c, m);
	return out;
}
