#include "nn/conv/winograd.h"

#include <string.h>

#include "nn/packed_weights.h"

enum { FEW_TILES = 16 };
enum { MOST_PLANE = 36 }; /* points */
enum { IN_CACHE = 1 << 18 }; /* weights that the second-level cache holds */

/* ---- tiles ---- */

/* On an axis, see wino_tile. */
enum form { SLIDE_2, SLIDE_4, DOUBLED, HALVED, GATHERED };

static void set_axis(wino_tile *t, int axis, enum form f)
{
	static const struct {
		int m, p, step;
	} of[] = { { 2, 4, 2 }, { 4, 6, 4 }, { 2, 3, 1 }, { 2, 5, 4 }, { 1, 3, 2 } };
	t->m[axis] = of[f].m;
	t->p[axis] = of[f].p;
	t->step[axis] = of[f].step;
}

static wino_tile same_on_all(enum form f)
{
	wino_tile t;
	for (int a = 0; a < 3; a++)
		set_axis(&t, a, f);
	return t;
}

int winograd_points(wino_tile t) { return t.p[0] * t.p[1] * t.p[2]; }

bool winograd_fits(const conv_shape *conv)
{
	return conv_is_cube(conv) && conv->stride <= 2 && (conv->in.c >= LANES || conv->out.c >= LANES);
}

bool winograd_doubles(const conv_shape *conv)
{
	const int out[3] = { conv->out.x, conv->out.y, conv->out.z };
	bool same = conv->stride == 1 && conv->pad == 1;
	for (int a = 0; a < 3; a++)
		same = same && conv->up[a] == 2 && out[a] == conv->virt[a];
	return same;
}

wino_tile winograd_gathering(void) { return same_on_all(GATHERED); }

static int tiles_of(const int n[3], wino_tile t)
{
	int all = 1;
	for (int a = 0; a < 3; a++)
		all *= (n[a] + t.m[a] - 1) / t.m[a];
	return all;
}

wino_tile winograd_tile(const conv_shape *conv)
{
	const int n[3] = { conv->out.x, conv->out.y, conv->out.z };
	wino_tile t;
	if (conv->stride == 2)
		return same_on_all(HALVED);
	if (winograd_doubles(conv))
		return same_on_all(DOUBLED);
	/* tiles of four where they make fewer points: 18 instead of 20 for 10 outputs, but for 5 as many */
	for (int a = 0; a < 3; a++)
		set_axis(&t, a, 6 * ((n[a] + 3) / 4) < 4 * ((n[a] + 1) / 2) ? SLIDE_4 : SLIDE_2);
	/* few tiles do not pay for so many points of transformed weights */
	for (int a = 2; a >= 0 && conv->volumes * tiles_of(n, t) < FEW_TILES; a--)
		set_axis(&t, a, SLIDE_2);
	return t;
}

conv_source winograd_source(const conv_source *in, wino_tile t)
{
	conv_source s = *in;
	for (int a = 0; a < 3; a++)
		if (t.step[a] < t.m[a]) {
			s.virt[a] /= s.up[a];
			s.up[a] = 1;
		}
	return s;
}

void winograd_data_gradient(graph *g, const conv_task *task, const conv_gradients *to)
{
	const conv_shape *conv = task->shape, back = conv_transposed(conv);
	const size_t virtual_n = conv_virtual_floats(conv);
	if (conv->stride > 1) {
		conv_tiles_data_gradient(g, task, to);
		return;
	}
	float *virt = virtual_n ? task->work : to->d;
	conv_choose(&back)->forward(g, &(conv_task){ .shape = &back,
						     .in = conv_plain(back.in, to->dout),
						     .weight = task->weight,
						     .flipped = true,
						     .out = virt,
						     .work = task->work + up_to_vector(virtual_n) });
	conv_sum_virtual(g, conv, virt, to->d);
}

size_t winograd_data_room(const graph *g, const conv_shape *conv, const param *weight)
{
	const conv_shape back = conv_transposed(conv);
	conv_room r = { 0 };
	if (conv->stride > 1)
		return conv_tiles_data_room(g, conv);
	conv_choose(&back)->room(g, &back, weight, false, &r);
	return up_to_vector(conv_virtual_floats(conv)) + r.forward;
}

size_t winograd_lasting(const conv_shape *conv, const param *weight, bool back)
{
	return back && conv->stride > 1 ? packed_bytes(weight->count) : 0; /* conv_tiles' */
}

/* ---- weights ---- */

void winograd_read(const conv_task *task, int r, int c, int n, const winograd_taps *to)
{
	float copy[27 * FACTOR_ROWS * LANES];
	const conv_shape *conv = task->shape;
	const param *w = task->weight;
	const bool back = task->flipped;
	const int there = least(conv->in.c - r, n), across = conv->out.c > c ? least(conv->out.c - c, LANES) : 0;
	/* of the field's [out][in]: from output channel o and input channel i on, outs x ins kernels */
	const int in = back ? conv->out.c : conv->in.c, o = back ? r : c, i = back ? c : r;
	const int outs = back ? there : across, ins = back ? across : there;
	const float *from = copy;
	size_t run = (size_t)ins * 27;
	if (w->v && w->count <= IN_CACHE) {
		run = (size_t)in * 27;
		from = w->v + o * run + (size_t)i * 27;
	} else {
		for (int l = 0; l < outs && ins; l++)
			weights_part(w, ((size_t)(o + l) * in + i) * 27, run, copy + l * run);
	}
	const size_t row = back ? run : 27, column = back ? 27 : run;
	for (int k = 0; k < n; k++)
		nn_kernels()->wino_taps(from + k * row, column, k < there ? across : 0, back, to->v + k * to->row, to->tap);
}

bool winograd_is_large(int rows, int columns) { return rows * columns >= 1 << 12; }

winograd_weights winograd_weights_of(int rows, int columns, float *u)
{
	const kernels *k = nn_kernels();
	winograd_weights w = { rows, columns, k->squares && winograd_is_large(rows, columns) ? k->squares : k->panels, u, 0 };
	/* A vector more than it takes: the points of a channel would otherwise lie a multiple of 4096 bytes apart and drive each other out
	 * of the first-level cache. */
	w.stride = w.kernels->floats(rows, columns) + LANES;
	return w;
}

void winograd_transform(wino_tile t, int x, const winograd_taps *taps, int r, int c, const winograd_weights *w)
{
	enum { STRIDE = (FACTOR_ROWS + 1) * LANES };
	const factor_kernels *k = w->kernels;
	int n = least(w->rows - r, FACTOR_ROWS);
	if (k->at) {
		size_t line;
		float *to = k->at(w->u, w->rows, w->columns, r, c, &line);
		for (int i = 0; i < n; i++)
			nn_kernels()->wino_weight(t, x, taps->v + i * taps->row, taps->tap, to + i * line, w->stride);
		return;
	}
	float part[MOST_PLANE * STRIDE] __attribute__((aligned(64)));
	for (int i = 0; i < n; i++)
		nn_kernels()->wino_weight(t, x, taps->v + i * taps->row, taps->tap, part + (size_t)i * LANES, STRIDE);
	for (int p = 0; p < t.p[1] * t.p[2]; p++)
		k->place(w->u + p * w->stride, w->rows, w->columns, r, c, n, part + (size_t)p * STRIDE);
}

/* ---- results ---- */

void winograd_store(const conv_task *task, wino_tile t, int b, const int at[3], const winograd_products *from)
{
	const shape *out = &task->shape->out;
	const int left[3] = { out->x - at[0], out->y - at[1], out->z - at[2] };
	size_t oz = (size_t)out->c, oy = oz * (size_t)out->z, ox = oy * (size_t)out->y;
	size_t to = (size_t)b * out->x * ox + (size_t)at[0] * ox + (size_t)at[1] * oy + (size_t)at[2] * oz + (size_t)from->first;
	int valid[3];
	for (int a = 0; a < 3; a++)
		valid[a] = least(left[a], t.m[a]);
	nn_kernels()->wino_output(t, from->m, from->stride, from->n, lanes_up(from->n), from->bias, task->add ? task->add + to : NULL,
				  task->out + to, ox, oy, oz, valid, from->sums);
}

void winograd_pad_bias(const float *bias, int n, int all, float *to)
{
	for (int i = 0; i < all; i++)
		to[i] = bias && i < n ? bias[i] : 0;
}
