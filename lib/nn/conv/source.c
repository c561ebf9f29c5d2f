#include "nn/conv/source.h"

#include <string.h>

conv_source conv_plain(shape s, const float *v) { return (conv_source){ .v = v, .s = s, .up = { 1, 1, 1 }, .virt = { s.x, s.y, s.z } }; }

void conv_load_line(const conv_source *from, int b, int x, int y, int z0, int nz, int cp, float *dst)
{
	int c = from->s.c;
	if (x < 0 || x >= from->virt[0] || y < 0 || y >= from->virt[1]) {
		memset(dst, 0, (size_t)nz * cp * sizeof(float));
		return;
	}
	int lo = z0 < 0 ? (-z0 < nz ? -z0 : nz) : 0, hi = nz;
	if (z0 + hi > from->virt[2])
		hi = from->virt[2] - z0 > lo ? from->virt[2] - z0 : lo;
	memset(dst, 0, (size_t)lo * cp * sizeof(float));
	memset(dst + (size_t)hi * cp, 0, (size_t)(nz - hi) * cp * sizeof(float));
	if (lo == hi)
		return;
	const float *affine = from->affine ? from->affine + (size_t)b * 2 * c : NULL;
	const affine_act p = { affine, affine ? affine + c : NULL, from->act };
	const kernels *k = nn_kernels();
	const float *line = from->v + (((size_t)b * from->s.x + x / from->up[0]) * from->s.y + y / from->up[1]) * from->s.z * c;
	if (from->up[2] == 1) {
		k->load(dst + (size_t)lo * cp, line + (size_t)(z0 + lo) * c, (size_t)(hi - lo), c, cp, &p);
		return;
	}
	for (int z = lo; z < hi; z++) {
		float *to = dst + (size_t)z * cp;
		if (z > lo && (z0 + z) / from->up[2] == (z0 + z - 1) / from->up[2])
			memcpy(to, to - cp, (size_t)cp * sizeof(float));
		else
			k->load(to, line + (size_t)((z0 + z) / from->up[2]) * c, 1, c, cp, &p);
	}
}

void conv_load_box(const conv_source *from, int b, const int first[3], const int n[3], int cp, float *dst)
{
	for (int x = 0; x < n[0]; x++)
		for (int y = 0; y < n[1]; y++)
			conv_load_line(from, b, first[0] + x, first[1] + y, first[2], n[2], cp, dst + ((size_t)x * n[1] + y) * n[2] * cp);
}
