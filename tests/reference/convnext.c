#include "convnext.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

/* Map m, row y, column z, channel k; 0 outside of the map. */
static double within(shape s, const double *x, int m, int y, int z, int k)
{
	return y < 0 || y >= s.y || z < 0 || z >= s.z ? 0 : x[(((size_t)m * s.y + y) * s.z + z) * s.c + k];
}

void ref_depthwise(shape s, const double *x, const double *w, const double *bias, double *y)
{
	for (int m = 0; m < s.b * s.x; m++)
		for (int i = 0; i < s.y; i++)
			for (int j = 0; j < s.z; j++)
				for (int k = 0; k < s.c; k++) {
					double sum = bias ? bias[k] : 0;
					for (int t = 0; t < 49; t++)
						sum += w[k * 49 + t] * within(s, x, m, i + t / 7 - 3, j + t % 7 - 3, k);
					*y++ = sum;
				}
}

void ref_layer_norm(size_t n, int c, const double *x, const double *gain, const double *offset, double eps, double *y)
{
	for (size_t i = 0; i < n; i++, x += c, y += c) {
		double mean = 0, var = 0;
		for (int k = 0; k < c; k++)
			mean += x[k] / c;
		for (int k = 0; k < c; k++)
			var += (x[k] - mean) * (x[k] - mean) / c;
		for (int k = 0; k < c; k++)
			y[k] = (x[k] - mean) / sqrt(var + eps) * gain[k] + offset[k];
	}
}

double ref_gelu(double u) { return u * erfc(-u / sqrt(2)) / 2; }

int ref_convnext_forward(const ref_convnext *r, shape s, const double *d, const double *x, double *y, err *e)
{
	double *normed, *h;
	int code = mem_zero(&normed, (size_t)(s.c + r->wide), sizeof *normed, "reference", e);
	if (code)
		return code;
	h = normed + s.c;
	size_t n = shape_count(s) / (size_t)s.c, map = (size_t)s.y * (size_t)s.z;
	for (size_t i = 0; i < n; i++) {
		ref_layer_norm(1, s.c, d + i * s.c, r->gain, r->offset, r->eps, normed);
		for (int j = 0; j < r->wide; j++) {
			double sum = r->widen_bias[j];
			for (int k = 0; k < s.c; k++)
				sum += r->widen[j * s.c + k] * normed[k];
			h[j] = ref_gelu(sum);
		}
		for (int k = 0; k < s.c; k++) {
			double sum = r->narrow_bias[k];
			for (int j = 0; j < r->wide; j++)
				sum += r->narrow[k * r->wide + j] * h[j];
			y[i * s.c + k] = x[i * s.c + k] + (r->keep ? r->keep[i / map] : 1) * r->scale[k] * sum;
		}
	}
	free(normed);
	return 0;
}

void ref_map_mean(shape s, const double *x, double *y)
{
	for (int m = 0; m < s.b * s.x; m++)
		for (int k = 0; k < s.c; k++) {
			double sum = 0;
			for (int i = 0; i < s.y * s.z; i++)
				sum += x[((size_t)m * s.y * s.z + i) * s.c + k];
			*y++ = sum / (s.y * s.z);
		}
}

void ref_soft_pool(int b, int n, int c, const double *x, const double *score, double *y)
{
	for (int i = 0; i < b; i++, x += (size_t)n * c, score += n, y += c) {
		double total = 0;
		for (int s = 0; s < n; s++)
			total += exp(score[s]);
		for (int k = 0; k < c; k++) {
			y[k] = 0;
			for (int s = 0; s < n; s++)
				y[k] += exp(score[s]) / total * x[(size_t)s * c + k];
		}
	}
}
