#include "layers.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

double ref_activation(double u, enum act act)
{
	switch (act) {
	case ACT_SILU:
		return u / (1 + exp(-u));
	case ACT_LEAKY:
		return u > 0 ? u : 0.2 * u;
	default:
		return u;
	}
}

shape ref_conv_shape(const ref_conv *r)
{
	const int n[3] = { r->in.x, r->in.y, r->in.z };
	int o[3];
	for (int a = 0; a < 3; a++)
		o[a] = (n[a] * r->up[a] + r->low[a] + r->high[a] - r->k[a]) / r->stride[a] + 1;
	return (shape){ r->in.b, o[0], o[1], o[2], r->out };
}

static size_t at(shape s, int b, int x, int y, int z, int c) { return ((((size_t)b * s.x + x) * s.y + y) * s.z + z) * s.c + c; }

/* act(scale x + shift), repeated, in a frame of zeros: what the kernel slides over. p: [frame]. */
static void load(const ref_conv *r, shape frame, const double *in, double *p)
{
	const shape s = r->in;
	for (int b = 0; b < s.b; b++)
		for (int x = 0; x < s.x * r->up[0]; x++)
			for (int y = 0; y < s.y * r->up[1]; y++)
				for (int z = 0; z < s.z * r->up[2]; z++)
					for (int c = 0; c < s.c; c++) {
						double v = in[at(s, b, x / r->up[0], y / r->up[1], z / r->up[2], c)];
						if (r->affine)
							v = r->affine[(2 * b) * s.c + c] * v + r->affine[(2 * b + 1) * s.c + c];
						p[at(frame, b, x + r->low[0], y + r->low[1], z + r->low[2], c)] = ref_activation(v, r->act);
					}
}

/* The product of the kernel's taps for output o with what lies under them from voxel `from` on. */
static double product(const ref_conv *r, shape frame, const double *p, const double *w, int b, const int from[3], int o)
{
	double sum = 0;
	const double *tap = w + (size_t)o * r->in.c * r->k[0] * r->k[1] * r->k[2];
	for (int c = 0; c < r->in.c; c++)
		for (int i = 0; i < r->k[0]; i++)
			for (int j = 0; j < r->k[1]; j++)
				for (int k = 0; k < r->k[2]; k++)
					sum += *tap++ * p[at(frame, b, from[0] + i, from[1] + j, from[2] + k, c)];
	return sum;
}

int ref_conv_forward(const ref_conv *r, const double *x, const double *w, double *y, err *e)
{
	shape s = ref_conv_shape(r), frame = r->in;
	frame.x = r->in.x * r->up[0] + r->low[0] + r->high[0];
	frame.y = r->in.y * r->up[1] + r->low[1] + r->high[1];
	frame.z = r->in.z * r->up[2] + r->low[2] + r->high[2];
	double *p;
	int code = mem_zero(&p, shape_count(frame), sizeof *p, "reference", e);
	if (code)
		return code;
	load(r, frame, x, p);
	for (int b = 0; b < s.b; b++)
		for (int i = 0; i < s.x; i++)
			for (int j = 0; j < s.y; j++)
				for (int k = 0; k < s.z; k++)
					for (int o = 0; o < s.c; o++) {
						const int from[3] = { i * r->stride[0], j * r->stride[1], k * r->stride[2] };
						double v = product(r, frame, p, w, b, from, o);
						v += r->bias ? r->bias[o] : 0;
						v += r->add ? r->add[at(s, b, i, j, k, o)] : 0;
						y[at(s, b, i, j, k, o)] = v;
					}
	free(p);
	return 0;
}

void ref_group_norm(shape s, const double *x, const double *gamma, const double *beta, int groups, double eps, double *affine)
{
	int per = s.c / groups;
	size_t voxels = (size_t)s.x * s.y * s.z;
	for (int b = 0; b < s.b; b++)
		for (int g = 0; g < groups; g++) {
			const double *from = x + (size_t)b * voxels * s.c + (size_t)g * per;
			double mean = 0, var = 0, count = (double)voxels * per;
			for (size_t i = 0; i < voxels; i++)
				for (int k = 0; k < per; k++)
					mean += from[i * s.c + k] / count;
			for (size_t i = 0; i < voxels; i++)
				for (int k = 0; k < per; k++)
					var += (from[i * s.c + k] - mean) * (from[i * s.c + k] - mean) / count;
			for (int c = g * per; c < (g + 1) * per; c++) {
				double *scale = affine + (size_t)b * 2 * s.c, *shift = scale + s.c;
				scale[c] = gamma[c] / sqrt(var + eps);
				shift[c] = beta[c] - mean * scale[c];
			}
		}
}

void ref_moments(shape s, const double *x, double *mean, double *var)
{
	size_t n = (size_t)s.b * s.x * s.y * s.z;
	for (int c = 0; c < s.c; c++) {
		mean[c] = var[c] = 0;
		for (size_t i = 0; i < n; i++)
			mean[c] += x[i * s.c + c] / (double)n;
		for (size_t i = 0; i < n; i++)
			var[c] += (x[i * s.c + c] - mean[c]) * (x[i * s.c + c] - mean[c]) / (double)n;
	}
}

void ref_batch_norm(int b, int c, const double *mean, const double *var, const double *gamma, const double *beta, double eps,
		    double *affine)
{
	for (int i = 0; i < b * c; i++) {
		double *scale = affine + (size_t)(i / c) * 2 * c, *shift = scale + c;
		int k = i % c;
		scale[k] = gamma[k] / sqrt(var[k] + eps);
		shift[k] = beta[k] - mean[k] * scale[k];
	}
}

void ref_prologue(shape s, const double *x, const double *affine, enum act act, double *y)
{
	size_t each = (size_t)s.x * s.y * s.z * s.c;
	for (size_t i = 0; i < shape_count(s); i++) {
		const double *scale = affine ? affine + i / each * 2 * s.c + i % s.c : NULL;
		y[i] = ref_activation(scale ? scale[0] * x[i] + scale[s.c] : x[i], act);
	}
}

void ref_mean_pool(shape s, const int by[3], const double *x, double *y)
{
	shape to = { s.b, s.x / by[0], s.y / by[1], s.z / by[2], s.c };
	for (size_t i = 0; i < shape_count(to); i++)
		y[i] = 0;
	for (int b = 0; b < s.b; b++)
		for (int i = 0; i < s.x; i++)
			for (int j = 0; j < s.y; j++)
				for (int k = 0; k < s.z; k++)
					for (int c = 0; c < s.c; c++)
						y[at(to, b, i / by[0], j / by[1], k / by[2], c)] +=
							x[at(s, b, i, j, k, c)] / (by[0] * by[1] * by[2]);
}

void ref_upsample(shape s, const int by[3], const double *x, double *y)
{
	shape to = { s.b, s.x * by[0], s.y * by[1], s.z * by[2], s.c };
	for (int b = 0; b < s.b; b++)
		for (int i = 0; i < to.x; i++)
			for (int j = 0; j < to.y; j++)
				for (int k = 0; k < to.z; k++)
					for (int c = 0; c < s.c; c++)
						y[at(to, b, i, j, k, c)] = x[at(s, b, i / by[0], j / by[1], k / by[2], c)];
}

void ref_modulate(int b, int c, const double *affine, const double *by, double *y)
{
	for (int i = 0; i < b * c; i++) {
		int scale = i / c * 2 * c + i % c, shift = scale + c;
		y[scale] = affine[scale] * (1 + by[scale]);
		y[shift] = affine[shift] * (1 + by[scale]) + by[shift];
	}
}

int ref_attention(int queries, int keys, int width, const double *q, const double *k, const double *v, const double *factor, double *y,
		  err *e)
{
	double *w;
	int code = mem_zero(&w, (size_t)keys, sizeof *w, "reference", e);
	for (int i = 0; !code && i < queries; i++) {
		double most = -INFINITY, sum = 0;
		for (int j = 0; j < keys; j++) {
			w[j] = 0;
			for (int c = 0; c < width; c++)
				w[j] += q[i * width + c] * k[j * width + c] / sqrt(width);
			most = fmax(most, w[j]);
		}
		for (int j = 0; j < keys; j++)
			sum += w[j] = exp(w[j] - most);
		for (int c = 0; c < width; c++) {
			y[i * width + c] = 0;
			for (int j = 0; j < keys; j++)
				y[i * width + c] += w[j] / sum * (factor ? factor[i * keys + j] : 1) * v[j * width + c];
		}
	}
	free(w);
	return code;
}

double ref_l1(size_t n, const double *x, const double *target)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += fabs(x[i] - target[i]);
	return sum / (double)n;
}

double ref_noise_loss(size_t n, int volumes, const double *eps, const double *g, const double *noise, const double *place,
		      const double *weight, const double *coefficient)
{
	double sum = 0;
	for (size_t i = 0; i < n * (size_t)volumes; i++)
		sum += weight[i / n] * place[i % n] * pow(noise[i] - eps[i] - coefficient[i / n] * g[i], 2);
	return sum / (double)n / volumes;
}

/* The window's weight at offset i from its middle, but for a constant. */
static double bell(int i) { return exp(-.5 * i * i / (1.5 * 1.5)); }

/* SSIM of the 11^3 voxels around (x,y,z) of channel k in volume b. */
static double ssim_around(shape s, const double *a, const double *t, int b, int x, int y, int z, int k)
{
	double ma = 0, mt = 0, aa = 0, tt = 0, at = 0, total = 0;
	for (int i = -5; i <= 5; i++)
		for (int j = -5; j <= 5; j++)
			for (int l = -5; l <= 5; l++) {
				double w = bell(i) * bell(j) * bell(l);
				size_t p = (size_t)((((b * s.x + x + i) * s.y + y + j) * s.z + z + l) * s.c + k);
				total += w;
				ma += w * a[p];
				mt += w * t[p];
				aa += w * a[p] * a[p];
				tt += w * t[p] * t[p];
				at += w * a[p] * t[p];
			}
	ma /= total, mt /= total;
	double va = aa / total - ma * ma, vt = tt / total - mt * mt, cov = at / total - ma * mt;
	return (2 * ma * mt + 1e-4) * (2 * cov + 9e-4) / ((ma * ma + mt * mt + 1e-4) * (va + vt + 9e-4));
}

double ref_ssim(shape s, const double *x, const double *target)
{
	double sum = 0, n = 0;
	for (int b = 0; b < s.b; b++)
		for (int i = 5; i < s.x - 5; i++)
			for (int j = 5; j < s.y - 5; j++)
				for (int l = 5; l < s.z - 5; l++)
					for (int k = 0; k < s.c; k++, n++)
						sum += ssim_around(s, x, target, b, i, j, l, k);
	return sum / n;
}

double ref_squared_to(size_t n, const double *x, double value)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += (x[i] - value) * (x[i] - value);
	return sum / (double)n;
}

static double clamped(double log_var) { return fmin(fmax(log_var, -30), 20); }

void ref_posterior(size_t n, const double *mean, const double *log_var, const double *noise, double *z)
{
	for (size_t i = 0; i < n; i++)
		z[i] = mean[i] + exp(clamped(log_var[i]) / 2) * noise[i];
}

double ref_kl(size_t n, int volumes, const double *mean, const double *log_var)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += 0.5 * (mean[i] * mean[i] + exp(clamped(log_var[i])) - clamped(log_var[i]) - 1);
	return sum / volumes;
}
