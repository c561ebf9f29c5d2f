#include "nn/winograd_slabs.h"

/* Tiles, and floats of these, at a time, if one slab is not more: so many that making transformed weights anew for the next ones costs
 * little, and so few that a block's products stay in cache. */
enum { TILES = 96, TRANSFORMED = 3 << 23 };

slabs wino_slabs(const conv_job *j, wino_tile t, int channels)
{
	slabs s = { .tile = t, .ny = (j->out.y + t.m[1] - 1) / t.m[1], .nz = (j->out.z + t.m[2] - 1) / t.m[2] };
	s.each = s.ny * s.nz;
	s.per = (j->out.x + t.m[0] - 1) / t.m[0];
	s.all = j->out.b * s.per;
	size_t fit = TRANSFORMED / ((size_t)wino_points(t) * s.each * channels);
	int most = least(TILES / s.each, fit < (size_t)s.all ? (int)fit : s.all);
	if (most < 1)
		most = 1;
	int rounds = (s.all + most - 1) / most;
	s.together = (s.all + rounds - 1) / rounds;
	return s;
}

int wino_slab_tile(const slabs *s, int from, int i, int at[3])
{
	int slab = from + i / s->each;
	at[0] = slab % s->per * s->tile.m[0];
	at[1] = i / s->nz % s->ny * s->tile.m[1];
	at[2] = i % s->nz * s->tile.m[2];
	return slab / s->per;
}

static slab_view view_of(const conv_job *job, wino_transform *one, const slabs *s, const int step[3], const int tile[3], int side)
{
	slab_view w = { .job = *job, .transform = one, .channels = lanes_up(job->in.c), .side = side };
	const int tiles[3] = { 1, s->ny, s->nz };
	w.patch = (size_t)w.channels;
	for (int a = 0; a < 3; a++) {
		w.step[a] = step[a];
		w.n[a] = (tiles[a] - 1) * step[a] + tile[a];
		w.patch *= (size_t)w.n[a];
	}
	/* a vector more than they are, as in stride_of of winograd.c */
	w.point = (size_t)s->each * s->together * w.channels + LANES;
	return w;
}

slab_view wino_slab_inputs(const conv_job *j, const slabs *s, int side)
{
	const conv_job source = wino_source(j, s->tile);
	return view_of(&source, nn_kernels()->wino_input, s, s->tile.step, s->tile.p, side);
}

slab_view wino_slab_gradients(const conv_job *j, const slabs *s, int side)
{
	const conv_job plain = wino_gradient_job(j);
	return view_of(&plain, nn_kernels()->wino_output_adjoint, s, s->tile.m, s->tile.m, side);
}

void wino_load_slab(const slab_view *w, const slabs *s, const float *x, int from, int i, int count, float *patch, float *v)
{
	int slab = from + i, pad = w->job.pad, all = count * s->each;
	size_t sz = (size_t)w->channels, sy = (size_t)w->n[2] * sz, sx = (size_t)w->n[1] * sy;
	conv_load_box(&w->job, x, slab / s->per, (int[3]){ slab % s->per * w->step[0] - pad, -pad, -pad }, w->n, w->channels, patch);
	for (int c = 0; c < w->channels; c += w->side) {
		int n = least(w->channels - c, w->side);
		float *to = v + (size_t)c * all + (size_t)i * s->each * n;
		for (int y = 0; y < s->ny; y++)
			for (int z = 0; z < s->nz; z++, to += n)
				w->transform(s->tile, patch + y * w->step[1] * sy + z * w->step[2] * sz + c, sx, sy, sz, n, to, w->point);
	}
}
