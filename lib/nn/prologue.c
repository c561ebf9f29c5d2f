#include "nn/prologue.h"

#include <stdlib.h>
#include <string.h>

#include "nn/sums.h"

prologue prologue_of(const tensor *affine, enum act act, int b, int c)
{
	const float *scale = affine ? affine->v + (size_t)b * 2 * c : NULL;
	return (prologue){ scale, scale ? scale + c : NULL, act };
}

bool prologue_fits(nn *c, const tensor *x, const tensor *affine, const char *what)
{
	if (affine && !shape_equal(affine->s, (shape){ x->s.b, 1, 1, 1, 2 * x->s.c }))
		nn_fail(c, ERR_BUG, "%s: the normalisation has another shape", what);
	return nn_ok(c);
}

/* From d to dx (which is d if `fresh`; NULL: not wanted) and da (NULL: not wanted). */
static void gradients(nn *c, const tensor *x, const tensor *affine, enum act act, const float *d, bool fresh, float *dx, float *da)
{
	size_t voxels = (size_t)x->s.x * x->s.y * x->s.z;
	int ch = x->s.c;
	double *sums = calloc(2 * (size_t)ch, sizeof *sums);
	for (int b = 0; sums && b < x->s.b; b++) {
		const prologue p = prologue_of(affine, act, b, ch);
		size_t at = (size_t)b * voxels * ch;
		memset(sums, 0, 2 * (size_t)ch * sizeof *sums);
		sums_of_prologue(c, dx ? dx + at : NULL, fresh, d + at, x->v + at, voxels, ch, &p, da ? sums : NULL);
		for (int k = 0; da && k < 2 * ch; k++)
			da[(size_t)b * 2 * ch + k] += (float)sums[k];
	}
	if (!sums)
		nn_fail(c, ERR_OS, "no memory for sums");
	free(sums);
}

void prologue_gradient(nn *c, tensor *x, tensor *affine, enum act act, float *d)
{
	bool fresh = nn_gradient_take(c, x, d);
	float *dx = x->needs_grad ? x->g : NULL, *da = affine && affine->needs_grad ? nn_gradient(c, affine) : NULL;
	bool same = fresh && !affine && act == ACT_NONE;
	if (nn_ok(c) && !nn_planning(c) && !same)
		gradients(c, x, affine, act, d, fresh, dx, da);
	if (!fresh)
		nn_give(c, d, shape_count(x->s));
}
