#include "baseline/baseline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { SIDE = 4, BLOCK = SIDE * SIDE * SIDE };

/* Voxel i of block `number` of a grid n. */
static size_t voxel(const int n[3], size_t number, size_t i)
{
	size_t by = (size_t)n[1] / SIDE, bz = (size_t)n[2] / SIDE;
	size_t x = number / (by * bz) * SIDE + i / (SIDE * SIDE), y = number / bz % by * SIDE + i / SIDE % SIDE,
	       z = number % bz * SIDE + i % SIDE;
	return (x * (size_t)n[1] + y) * (size_t)n[2] + z;
}

static int learn_blocks(baseline *b, int k, err *e)
{
	size_t blocks = b->voxels / BLOCK;
	float *rows = NULL;
	for (int i = 0; i < 3; i++)
		if (b->n[i] % SIDE)
			return err_set(e, ERR_DATA, "%dx%dx%d voxels are no blocks of %d", b->n[0], b->n[1], b->n[2], SIDE);
	int code = mem_zero(&rows, b->scans * b->voxels, sizeof *rows, "blocks", e);
	for (size_t s = 0; !code && s < b->scans; s++)
		for (size_t i = 0; i < b->voxels; i++)
			rows[s * b->voxels + i] = b->x[s * b->voxels + voxel(b->n, i / BLOCK, i % BLOCK)];
	if (!code)
		code = pca_fit(&b->components, rows, b->scans * blocks, BLOCK, k, e);
	free(rows);
	return code;
}

int baseline_learn(baseline *b, enum baseline_method method, float *x, size_t scans, const int n[3], int k, err *e)
{
	*b = (baseline){ .method = method, .n = { n[0], n[1], n[2] }, .scans = scans, .x = x };
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

void baseline_apply(const baseline *b, float *x)
{
	if (b->method == BASELINE_NEAREST) {
		memcpy(x, nearest(b, x), b->voxels * sizeof *x);
		return;
	}
	if (b->method != BASELINE_BLOCKS) {
		pca_project(&b->components, x);
		return;
	}
	for (size_t number = 0; number < b->voxels / BLOCK; number++) {
		float block[BLOCK];
		for (size_t i = 0; i < BLOCK; i++)
			block[i] = x[voxel(b->n, number, i)];
		pca_project(&b->components, block);
		for (size_t i = 0; i < BLOCK; i++)
			x[voxel(b->n, number, i)] = block[i];
	}
}
