#include <math.h>

#include "nn/channel_sums.h"
#include "nn/layer.h"
#include "nn/loss.h"

enum { SIZE = 11, CHUNK = 4096 };
static const float C1 = 1e-4f, C2 = 9e-4f; /* (.01 L)^2, (.03 L)^2 for a range L of 1 */

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
static void blur_rows(const graph *g, float *out, long n_out, const float *in, long n_in, long rows, long step, const float w[SIZE])
{
	long chunks = (n_out + CHUNK - 1) / CHUNK;
#pragma omp parallel for num_threads(graph_threads(g))
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

/* A volume of shape s whose Z is already one of windows, and one whose Y is, too. */
static size_t half_done(shape s) { return (size_t)s.b * (size_t)s.x * (size_t)s.y * (size_t)windows(s).z * (size_t)s.c; }
static size_t nearly_done(shape s) { return half_done(s) / (size_t)s.y * (size_t)windows(s).y; }

/* Floats of work space for both of them. */
static size_t blur_work(shape s) { return half_done(s) + nearly_done(s); }

/* Means over the windows of s: v of shape s -> out of shape windows(s). */
static void blur(const graph *g, float *out, const float *v, shape s, const float w[SIZE], float *work)
{
	shape o = windows(s);
	float *a = work, *b = work + half_done(s);
	blur_rows(g, a, (long)o.z * s.c, v, (long)s.z * s.c, (long)s.b * s.x * s.y, s.c, w);
	blur_rows(g, b, (long)o.y * o.z * s.c, a, (long)s.y * o.z * s.c, (long)s.b * s.x, (long)o.z * s.c, w);
	blur_rows(g, out, (long)o.x * o.y * o.z * s.c, b, (long)s.x * o.y * o.z * s.c, s.b, (long)o.y * o.z * s.c, w);
}

/* The transposed: v of shape windows(s) -> out of shape s. */
static void spread(const graph *g, float *out, const float *v, shape s, const float w[SIZE], float *work)
{
	shape o = windows(s);
	float *a = work, *b = work + half_done(s);
	blur_rows(g, b, (long)s.x * o.y * o.z * s.c, v, (long)o.x * o.y * o.z * s.c, s.b, -(long)o.y * o.z * s.c, w);
	blur_rows(g, a, (long)s.y * o.z * s.c, b, (long)o.y * o.z * s.c, (long)s.b * s.x, -(long)o.z * s.c, w);
	blur_rows(g, out, (long)s.z * s.c, a, (long)o.z * s.c, (long)s.b * s.x * s.y, -s.c, w);
}

/* Window-weighted moments; those that x has a part in come first. */
enum { MEAN, SQUARE, PRODUCT, OF_X, T_MEAN = 0, T_SQUARE, OF_TARGET };

/* m, t: a window's moments [OF_X] and those of the target alone [OF_TARGET], `each` apart -> in place of m the derivatives of SSIM by
 * these, taken as independent; in place of the target's mean SSIM itself. */
static void similarity(float *m, float *t, size_t each)
{
	float x = m[MEAN * each], xx = m[SQUARE * each], xy = m[PRODUCT * each], y = t[T_MEAN * each], yy = t[T_SQUARE * each];
	float means = x * x + y * y + C1, variances = xx - x * x + yy - y * y + C2;
	float a = (2 * x * y + C1) / means, b = (2 * (xy - x * y) + C2) / variances;
	m[SQUARE * each] = -a * b / variances;
	m[PRODUCT * each] = 2 * a / variances;
	m[MEAN * each] = 2 * b * (y - a * x) / means - 2 * x * m[SQUARE * each] - y * m[PRODUCT * each];
	t[T_MEAN * each] = a * b;
}

/* ---- the layer; in: x, target; kept: derivatives by the moments of x [OF_X][as windows(x)] ---- */

enum { X, TARGET };

static void settle(graph *g, layer *l)
{
	(void)g;
	const shape s = l->in[X]->s;
	const size_t n = shape_count(s), of_x = OF_X * shape_count(windows(s));
	l->reads_in[X] = l->reads_in[TARGET] = true;
	l->state = l->needs_grad ? of_x * sizeof(float) : 0;
	l->work = n + blur_work(s) + OF_TARGET * shape_count(windows(s)) + (l->needs_grad ? 0 : of_x);
	l->work_back = n + blur_work(s);
}

/* out = the windows' means of first times second; NULL: first alone. work: as large as a value, and blur's behind it. */
static void moment(const graph *g, float *out, const layer *first, const layer *second, float *work)
{
	const size_t n = shape_count(first->s);
	float w[SIZE];
	make_window(w);
	for (size_t i = 0; i < n; i++)
		work[i] = first->v[i] * (second ? second->v[i] : 1);
	blur(g, out, work, first->s, w, work + n);
}

static void forward(graph *g, layer *l)
{
	const layer *x = l->in[X], *target = l->in[TARGET];
	const size_t n = shape_count(x->s), each = shape_count(windows(x->s));
	float *work = graph_work(g), *of_target = work + n + blur_work(x->s), *of_x = l->kept ? l->kept : of_target + OF_TARGET * each;
	double sum = 0;
	moment(g, of_x + MEAN * each, x, NULL, work);
	moment(g, of_x + SQUARE * each, x, x, work);
	moment(g, of_x + PRODUCT * each, x, target, work);
	moment(g, of_target + T_MEAN * each, target, NULL, work);
	moment(g, of_target + T_SQUARE * each, target, target, work);
#pragma omp parallel for num_threads(graph_threads(g))
	for (size_t i = 0; i < each; i++)
		similarity(of_x + i, of_target + i, each);
	channel_sums(g, of_target + T_MEAN * each, 1, each, 1, false, &sum);
	l->v[0] = (float)(sum / (double)each);
}

static void backward(graph *g, layer *l)
{
	const float *x = l->in[X]->v, *target = l->in[TARGET]->v, *slopes = l->kept;
	const shape s = l->in[X]->s;
	const size_t n = shape_count(s), each = shape_count(windows(s));
	float *d = layer_gradient(l, X), *part = graph_work(g), w[SIZE], step = l->g[0] / (float)each;
	make_window(w);
	for (int k = 0; k < OF_X; k++) {
		const bool first = k == 0 && layer_is_fresh(l, X);
		spread(g, part, slopes + (size_t)k * each, s, w, part + n);
#pragma omp parallel for num_threads(graph_threads(g))
		for (size_t i = 0; i < n; i++)
			d[i] = (first ? 0 : d[i]) + step * part[i] * (k == SQUARE ? 2 * x[i] : k == PRODUCT ? target[i] : 1);
	}
}

static const layer_kind kind = { .name = "SSIM", .size = sizeof(layer), .settle = settle, .forward = forward, .backward = backward };

layer *ssim(graph *g, layer *x, layer *target)
{
	const shape s = graph_shape(x);
	if (!graph_ok(g))
		return NULL;
	if (!shape_equal(s, graph_shape(target)))
		return graph_fail(g, ERR_BUG, "SSIM: values of different shapes");
	if (s.x < SIZE || s.y < SIZE || s.z < SIZE)
		return graph_fail(g, ERR_CONFIG, "%dx%dx%d voxels are too few for SSIM's window of %d", s.x, s.y, s.z, SIZE);
	layer *l = layer_add(g, &kind, (shape){ 1, 1, 1, 1, 1 }, 2, (layer *[]){ x, target });
	if (l)
		l->constant[TARGET] = true;
	return l;
}
