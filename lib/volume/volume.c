#include "volume/volume.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

size_t volume_count(const int n[3]) { return (size_t)n[0] * (size_t)n[1] * (size_t)n[2]; }

int volume_new(volume *out, const int n[3], err *e)
{
	float *v;
	int code = mem_zero(&v, volume_count(n), sizeof *v, "volume", e);
	if (code)
		return code;
	*out = (volume){ .n = { n[0], n[1], n[2] }, .affine = { { 1, 0, 0, 0 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 } }, .v = v };
	return 0;
}

void volume_free(volume *v)
{
	free(v->v);
	v->v = NULL;
}

void affine_multiply(double out[3][4], double a[3][4], double b[3][4])
{
	double m[3][4];
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 4; j++)
			m[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j] + (j == 3 ? a[i][3] : 0);
	memcpy(out, m, sizeof m);
}

void affine_apply(double out[3], double a[3][4], const double at[3])
{
	double p[3] = { at[0], at[1], at[2] };
	for (int i = 0; i < 3; i++)
		out[i] = a[i][0] * p[0] + a[i][1] * p[1] + a[i][2] * p[2] + a[i][3];
}

bool affine_inverse(double out[3][4], double a[3][4])
{
	double c[3][3], det = 0, mm[3];
	for (int i = 0; i < 3; i++) {
		int p = (i + 1) % 3, q = (i + 2) % 3;
		for (int j = 0; j < 3; j++) {
			int r = (j + 1) % 3, s = (j + 2) % 3;
			c[j][i] = a[p][r] * a[q][s] - a[p][s] * a[q][r];
		}
	}
	for (int j = 0; j < 3; j++)
		det += a[0][j] * c[j][0];
	affine_spacing(mm, a);
	/* relative to the columns' lengths: small voxels are not singular */
	if (!(fabs(det) > 1e-9 * mm[0] * mm[1] * mm[2]) || !isfinite(det) || !isfinite(1 / det) || !isfinite(a[0][3] + a[1][3] + a[2][3]))
		return false;
	double t[3] = { a[0][3], a[1][3], a[2][3] };
	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < 3; j++)
			out[i][j] = c[i][j] / det;
		out[i][3] = -(out[i][0] * t[0] + out[i][1] * t[1] + out[i][2] * t[2]);
	}
	return true;
}

bool affine_same(double a[3][4], double b[3][4])
{
	for (int i = 0; i < 12; i++)
		if (!(fabs(a[i / 4][i % 4] - b[i / 4][i % 4]) <= 1e-3))
			return false;
	return true;
}

void affine_spacing(double mm[3], double a[3][4])
{
	for (int j = 0; j < 3; j++)
		mm[j] = sqrt(a[0][j] * a[0][j] + a[1][j] * a[1][j] + a[2][j] * a[2][j]);
}
