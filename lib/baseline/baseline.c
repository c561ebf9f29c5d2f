#include "baseline/baseline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Voxels of a block. */
static size_t block_of(const baseline *b) { return (size_t)b->side * (size_t)b->side * (size_t)b->side; }

/* Voxel i of block `number` of the grid. */
static size_t voxel(const baseline *b, size_t number, size_t i)
{
	size_t side = (size_t)b->side, ny = (size_t)b->n[1], nz = (size_t)b->n[2], by = ny / side, bz = nz / side;
	size_t x = number / (by * bz) * side + i / (side * side), y = number / bz % by * side + i / side % side,
	       z = number % bz * side + i % side;
	return (x * ny + y) * nz + z;
}

static int learn_blocks(baseline *b, int k, err *e)
{
	size_t block = block_of(b);
	float *rows = NULL;
	for (int i = 0; i < 3; i++)
		if (b->n[i] % b->side)
			return err_set(e, ERR_DATA, "%dx%dx%d voxels are no blocks of %d", b->n[0], b->n[1], b->n[2], b->side);
	int code = mem_zero(&rows, b->scans * b->voxels, sizeof *rows, "blocks", e);
	for (size_t s = 0; !code && s < b->scans; s++)
		for (size_t i = 0; i < b->voxels; i++)
			rows[s * b->voxels + i] = b->x[s * b->voxels + voxel(b, i / block, i % block)];
	if (!code)
		code = pca_fit(&b->components, rows, b->scans * (b->voxels / block), block, k, e);
	free(rows);
	return code;
}

int baseline_learn(baseline *b, enum baseline_method method, float *x, size_t scans, const int n[3], int k, int side, err *e)
{
	*b = (baseline){ .method = method, .n = { n[0], n[1], n[2] }, .side = side, .scans = scans, .x = x };
	b->voxels = (size_t)n[0] * (size_t)n[1] * (size_t)n[2];
	if (!scans)
		return err_set(e, ERR_DATA, "no scans to learn from");
	if (method == BASELINE_NEAREST)
		return 0;
	int code = method == BASELINE_BLOCKS ? learn_blocks(b, k, e) :
					       pca_fit(&b->components, x, scans, b->voxels, method == BASELINE_MEAN ? 0 : k, e);
	free(b->x);
	b->x = NULL;
	return code;
}

void baseline_free(baseline *b)
{
	free(b->x);
	pca_free(&b->components);
	*b = (baseline){ 0 };
}

static const float *nearest(const baseline *b, const float *x)
{
	size_t best = 0;
	double least = INFINITY;
	for (size_t s = 0; s < b->scans; s++) {
		double sum = 0;
		for (size_t i = 0; i < b->voxels; i++) {
			double d = (double)x[i] - (double)b->x[s * b->voxels + i];
			sum += d * d;
		}
		if (sum < least) {
			least = sum;
			best = s;
		}
	}
	return b->x + best * b->voxels;
}

static int apply_blocks(const baseline *b, float *x, err *e)
{
	size_t block = block_of(b);
	float *v = NULL;
	int code = mem_zero(&v, block, sizeof *v, "blocks", e);
	for (size_t number = 0; !code && number < b->voxels / block; number++) {
		for (size_t i = 0; i < block; i++)
			v[i] = x[voxel(b, number, i)];
		pca_project(&b->components, v);
		for (size_t i = 0; i < block; i++)
			x[voxel(b, number, i)] = v[i];
	}
	free(v);
	return code;
}

int baseline_apply(const baseline *b, float *x, err *e)
{
	if (b->method == BASELINE_BLOCKS)
		return apply_blocks(b, x, e);
	if (b->method == BASELINE_NEAREST)
		memcpy(x, nearest(b, x), b->voxels * sizeof *x);
	else
		pca_project(&b->components, x);
	return 0;
}
