#include "train/noisy.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/threads.h"

int noisy_latent_new(noisy_latent *n, const latent_space *l, int most, err *e)
{
	*n = (noisy_latent){ 0 };
	size_t count = (size_t)most * l->count;
	int code = mem_zero(&n->v, count, sizeof *n->v, "latents", e);
	return code ? code : mem_zero(&n->noise, count, sizeof *n->noise, "noise", e);
}

void noisy_latent_free(noisy_latent *n)
{
	free(n->v);
	free(n->noise);
	*n = (noisy_latent){ 0 };
}

void noisy_latent_set(noisy_latent *n, const latent_space *l, const float *z, int k, int t, philox r)
{
	double signal = schedule_signal(&l->schedule, t), noise = schedule_noise(&l->schedule, t);
	float *v = n->v + (size_t)k * l->count, *drawn = n->noise + (size_t)k * l->count;
	n->t[k] = t;
#pragma omp parallel for num_threads(threads_count())
	for (size_t i = 0; i < l->count; i++) {
		drawn[i] = (float)philox_normal(r, i);
		v[i] = (float)(signal * (z ? scaling_apply(&l->scaling, (double)z[i], i) : 0) + noise * (double)drawn[i]);
	}
}

/* A timestep somewhere in part k of n equal ones. */
static int time_in(const latent_space *l, int k, int n, double uniform) { return (int)((k + uniform) / n * l->schedule.timesteps); }

void noisy_latent_draw(noisy_latent *n, const latent_space *l, const float *z, const train_state *s, uint64_t number, int of)
{
	n->n = of;
	for (int k = 0; k < of; k++) {
		uint64_t own = number * (uint64_t)of + (uint64_t)k;
		int t = time_in(l, k, of, philox_uniform(state_random(s, "time", own), 0));
		noisy_latent_set(n, l, z, k, t, state_random(s, "noise", own));
	}
}

void noisy_latent_pair(noisy_latent *n, const latent_space *l, const char *id, const float *z, int pair)
{
	const uint64_t judging = 0;
	philox r = philox_make(judging, philox_hash(id) + (uint64_t)pair);
	/* the numbers of the noise are 0 .. count - 1 */
	n->n = 1;
	noisy_latent_set(n, l, z, 0, time_in(l, pair, NOISE_PAIRS, philox_uniform(r, l->count)), r);
}

noise_inputs noise_inputs_add(graph *g, const latent_space *l, int n, int planes, bool shift)
{
	const shape one = { 1, planes, l->s.y, l->s.z, l->s.c }, all = { n, planes, l->s.y, l->s.z, l->s.c }, numbers = { n, 1, 1, 1, 1 };
	return (noise_inputs){ .n = n,
			       .x = graph_input(g, all),
			       .noise = graph_input(g, all),
			       .time = graph_input(g, numbers),
			       .weight = graph_input(g, numbers),
			       .place = l->place ? graph_input(g, one) : NULL,
			       .coefficient = shift ? graph_input(g, numbers) : NULL };
}

void noise_inputs_write(graph *g, const noise_inputs *in, const latent_space *l, const noisy_latent *noisy, int first, const float *weight,
			const float *coefficient)
{
	float time[RECIPE_DRAWS];
	const size_t skip = (size_t)first * l->count;
	for (int k = 0; k < in->n; k++)
		time[k] = (float)noisy->t[first + k];
	graph_write(g, in->x, noisy->v + skip);
	graph_write(g, in->noise, noisy->noise + skip);
	graph_write(g, in->time, time);
	graph_write(g, in->weight, weight);
	if (in->place)
		graph_write(g, in->place, l->place);
	if (in->coefficient)
		graph_write(g, in->coefficient, coefficient);
}
