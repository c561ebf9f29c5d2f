#include "nn/blocks.h"

#include <string.h>

#include "nn/internal.h"

typedef struct blocks_node {
	node base; /* in: x */
	int k;
} blocks_node;

/* Copies (or adds) `from` to `to`, from the fine grid into boxes (`gather`) or back: runs of k voxels along z lie one behind the other in
 * both. fine: the shape of the fine grid. */
static void copy_runs(const nn *c, shape fine, int k, float *to, const float *from, bool gather, bool add)
{
	const size_t run = (size_t)k * fine.c, box = run * k * k, line = (size_t)(fine.z / k) * box;
#pragma omp parallel for num_threads(nn_threads(c))
	for (int i = 0; i < fine.b * fine.x * fine.y; i++) {
		const int y = i % fine.y, x = i / fine.y % fine.x, b = i / fine.y / fine.x;
		const size_t coarse =
			(((size_t)b * (fine.x / k) + x / k) * (fine.y / k) + y / k) * line + (size_t)(x % k * k + y % k) * run;
		for (int z = 0; z < fine.z / k; z++) {
			const size_t in_boxes = coarse + z * box, in_lines = (size_t)i * fine.z * fine.c + z * run;
			float *out = to + (gather ? in_boxes : in_lines);
			const float *in = from + (gather ? in_lines : in_boxes);
			if (!add)
				memcpy(out, in, run * sizeof *out);
			for (size_t j = 0; add && j < run; j++)
				out[j] += in[j];
		}
	}
}

static void to_blocks_backward(nn *c, node *base)
{
	bool fresh = false;
	tensor *x = base->in[0];
	float *g = nn_gradient_raw(c, x, &fresh);
	if (g && !nn_planning(c))
		copy_runs(c, x->s, ((blocks_node *)base)->k, g, base->out->g, false, !fresh);
}

static void from_blocks_backward(nn *c, node *base)
{
	bool fresh = false;
	float *g = nn_gradient_raw(c, base->in[0], &fresh);
	if (g && !nn_planning(c))
		copy_runs(c, base->out->s, ((blocks_node *)base)->k, g, base->out->g, true, !fresh);
}

static tensor *rearranged(nn *c, tensor *x, shape s, int k, bool gather)
{
	tensor *out = nn_tensor(c, s);
	if (out && out->v)
		copy_runs(c, gather ? x->s : s, k, out->v, x->v, gather, false);
	blocks_node *n = nn_push(c, sizeof *n, gather ? to_blocks_backward : from_blocks_backward, out, 1, &x, false);
	if (n)
		n->k = k;
	return out;
}

tensor *nn_to_blocks(nn *c, tensor *x, int k)
{
	if (!x || !nn_ok(c))
		return NULL;
	const shape s = x->s;
	if (s.x % k || s.y % k || s.z % k)
		return nn_fail(c, ERR_DATA, "a grid of %dx%dx%d has no whole blocks of %d voxels a side", s.x, s.y, s.z, k);
	return rearranged(c, x, (shape){ s.b, s.x / k, s.y / k, s.z / k, s.c * k * k * k }, k, true);
}

tensor *nn_from_blocks(nn *c, tensor *x, int k)
{
	if (!x || !nn_ok(c))
		return NULL;
	const shape s = x->s;
	if (s.c % (k * k * k))
		return nn_fail(c, ERR_CONFIG, "%d channels are no blocks of %d voxels a side", s.c, k);
	return rearranged(c, x, (shape){ s.b, s.x * k, s.y * k, s.z * k, s.c / (k * k * k) }, k, false);
}

tensor *nn_flatten(nn *c, tensor *x)
{
	if (!x || !nn_ok(c))
		return NULL;
	tensor *out = nn_tensor(c, (shape){ x->s.b, 1, 1, 1, x->s.x * x->s.y * x->s.z * x->s.c });
	if (out && out->v)
		memcpy(out->v, x->v, shape_count(x->s) * sizeof *out->v);
	nn_push(c, sizeof(node), nn_pass_gradient, out, 1, &x, false);
	return out;
}
