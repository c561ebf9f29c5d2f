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
	int ch = x->s.c, volumes = x->s.b;
	size_t n = (size_t)volumes * 2 * (size_t)ch;
	double *sums = calloc(n, sizeof *sums);
	prologue *p = malloc((size_t)volumes * sizeof *p);
	if (!sums || !p) {
		nn_fail(c, ERR_OS, "no memory for sums");
	} else {
		for (int b = 0; b < volumes; b++)
			p[b] = prologue_of(affine, act, b, ch);
		sums_of_prologue(c, dx, fresh, d, x->v, volumes, (size_t)x->s.x * x->s.y * x->s.z, ch, p, da ? sums : NULL);
		for (size_t i = 0; da && i < n; i++)
			da[i] += (float)sums[i];
	}
	free(p);
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
