/* The weight gradient by blocks of channels, where there are few tiles for many weights: all tiles of input and output gradient are
 * transformed first, then each block of input by output channels is multiplied at all points and transformed back. The transformed
 * gradient of all weights, 64/27 of these or more, is never there as a whole. */
#include <omp.h>

#include "nn/winograd_slabs.h"

enum { SIDE = 32 }; /* channels of a block, either way */

/* dw += the gradient of n x m kernels from input channel i and output channel o on, from their `tiles` tiles. du: a block of work space. */
static void add_block(const conv_job *j, const slabs *s, const slab_view *reads, const slab_view *writes, int i, int o, int tiles,
		      const float *v, const float *d, float *du, float *dw)
{
	int rows = least(reads->channels - i, SIDE), columns = least(writes->channels - o, SIDE), in = j->in.c;
	const size_t up = SIDE * SIDE + LANES;
	for (int p = 0; p < wino_points(s->tile); p++)
		nn_kernels()->product(rows, columns, tiles, v + p * reads->point + (size_t)i * tiles, 1, (size_t)rows,
				      d + p * writes->point + (size_t)o * tiles, (size_t)columns, false, du + p * up, (size_t)columns);
	for (int r = 0; r < least(in - i, SIDE); r++)
		for (int c = 0; c < columns; c += LANES)
			nn_kernels()->wino_weight_adjoint(s->tile, du + r * columns + c, up, 1, 0, least(j->out.c - o - c, LANES),
							  dw + ((size_t)(o + c) * in + i + r) * 27, (size_t)in * 27);
}

void wino_wide_backward_weight(nn *c, const conv_job *j, wino_tile t, const float *in, const float *dout, float *dw)
{
	int ip = lanes_up(j->in.c), op = lanes_up(j->out.c), np = wino_points(t), threads = nn_threads(c);
	slabs s = wino_slabs(j, t, ip + op);
	const slab_view reads = wino_slab_inputs(j, &s, SIDE), writes = wino_slab_gradients(j, &s, SIDE);
	size_t patch_n = reads.patch > writes.patch ? reads.patch : writes.patch, du_n = (size_t)np * (SIDE * SIDE + LANES);
	size_t each = patch_n > du_n ? patch_n : du_n;
	float *v = nn_work(c, np * (reads.point + writes.point) + each * (size_t)threads);
	if (!v)
		return;
	float *d = v + np * reads.point, *work = d + np * writes.point;
	int down = (ip + SIDE - 1) / SIDE, blocks = down * ((op + SIDE - 1) / SIDE);
	for (int from = 0; from < s.all; from += s.together) {
		int count = least(s.all - from, s.together);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < count; i++) {
			float *patch = work + each * (size_t)omp_get_thread_num();
			wino_load_slab(&reads, &s, in, from, i, count, patch, v);
			wino_load_slab(&writes, &s, dout, from, i, count, patch, d);
		}
#pragma omp parallel for schedule(dynamic) num_threads(threads)
		for (int i = 0; i < blocks; i++)
			add_block(j, &s, &reads, &writes, i % down * SIDE, i / down * SIDE, count * s.each, v, d,
				  work + each * (size_t)omp_get_thread_num(), dw);
	}
}
