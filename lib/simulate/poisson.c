#include "simulate/poisson.h"

#include <fftw3.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "volume/volume.h"

/* Eigenvalues of the second difference with Neumann's condition, (2 - 2 cos(pi k / n)) / mm^2. Freed with free(). */
static int eigenvalues(double **out, int n, double mm, err *e)
{
	int code = mem_zero(out, (size_t)n, sizeof **out, "flow", e);
	for (int k = 0; !code && k < n; k++)
		(*out)[k] = (2 - 2 * cos(M_PI * k / n)) / (mm * mm);
	return code;
}

/* p, a source, becomes the potential; fftw's transforms there and back multiply by 2n on each axis. */
static int solve(double *p, const int n[3], const double mm[3], err *e)
{
	double *of[3] = { NULL, NULL, NULL }, scale = 8. * n[0] * n[1] * n[2];
	int code = 0;
	/* a plan by estimate is the same for the same sizes and alignment, so that the same sums are made in the same order */
	fftw_plan there = fftw_plan_r2r_3d(n[0], n[1], n[2], p, p, FFTW_REDFT10, FFTW_REDFT10, FFTW_REDFT10, FFTW_ESTIMATE),
		  back = fftw_plan_r2r_3d(n[0], n[1], n[2], p, p, FFTW_REDFT01, FFTW_REDFT01, FFTW_REDFT01, FFTW_ESTIMATE);
	if (!there || !back)
		code = err_set(e, ERR_OS, "flow: no memory for a Fourier transform");
	for (int a = 0; a < 3 && !code; a++)
		code = eigenvalues(&of[a], n[a], mm[a], e);
	if (!code) {
		fftw_execute(there);
		double *v = p;
		for (int i = 0; i < n[0]; i++)
			for (int j = 0; j < n[1]; j++)
				for (int k = 0; k < n[2]; k++, v++)
					*v = i + j + k ? *v / (-scale * (of[0][i] + of[1][j] + of[2][k])) : 0;
		fftw_execute(back);
	}
	for (int a = 0; a < 3; a++)
		free(of[a]);
	fftw_destroy_plan(there);
	fftw_destroy_plan(back);
	return code;
}

/* What passes through the faces across `axis`: the potential's slope, in voxels. Those of the box stay 0. */
static int slopes(float **out, const double *p, const int n[3], int axis, double mm, err *e)
{
	int m[3] = { n[0], n[1], n[2] };
	m[axis]++;
	int code = mem_zero(out, volume_count(m), sizeof **out, "flow", e);
	const size_t step = axis == 0 ? (size_t)n[1] * (size_t)n[2] : axis == 1 ? (size_t)n[2] : 1;
	float *v = *out;
	for (int i = 0; i < m[0] && !code; i++)
		for (int j = 0; j < m[1]; j++)
			for (int k = 0; k < m[2]; k++, v++) {
				const int at = axis == 0 ? i : axis == 1 ? j : k;
				const size_t behind = ((size_t)i * (size_t)n[1] + (size_t)j) * (size_t)n[2] + (size_t)k;
				if (at > 0 && at < n[axis])
					*v = (float)((p[behind] - p[behind - step]) / (mm * mm));
			}
	return code;
}

int poisson_flow(flow *f, const float *source, const int n[3], const double mm[3], err *e)
{
	const size_t count = volume_count(n);
	*f = (flow){ .n = { n[0], n[1], n[2] } };
	double *p = fftw_alloc_real(count);
	if (!p)
		return err_set(e, ERR_OS, "flow: no memory for %dx%dx%d voxels", n[0], n[1], n[2]);
	for (size_t i = 0; i < count; i++)
		p[i] = (double)source[i];
	int code = solve(p, n, mm, e);
	for (int a = 0; a < 3 && !code; a++)
		code = slopes(&f->face[a], p, n, a, mm[a], e);
	fftw_free(p);
	return code;
}

void flow_free(flow *f)
{
	for (int a = 0; a < 3; a++) {
		free(f->face[a]);
		f->face[a] = NULL;
	}
}
