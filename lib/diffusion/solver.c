#include "diffusion/solver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

int solver_new(solver *s, enum solver_kind kind, const schedule *of, int steps, err *e)
{
	*s = (solver){ .kind = kind, .schedule = of, .clip = INFINITY };
	return schedule_times(of, kind == SOLVER_DDIM ? SPACING_TIME : SPACING_SNR, steps, &s->times, &s->n, e);
}

void solver_free(solver *s)
{
	free(s->times);
	s->times = NULL;
}

static double clamp(double v, double bound) { return fmin(fmax(v, -bound), bound); }

void ddim_step(const schedule *s, int t, int to, double clip, float *out, const float *x, const float *eps, size_t n)
{
	double signal = schedule_signal(s, t), noise = schedule_noise(s, t);
	double signal_to = schedule_signal(s, to), noise_to = schedule_noise(s, to);
	if (isinf(clip)) {
		/* both terms at once: x0 alone is large, and its digits lost, where there is little signal */
		double from_x = signal_to / signal, from_eps = noise_to - from_x * noise;
		for (size_t i = 0; i < n; i++)
			out[i] = (float)(from_x * (double)x[i] + from_eps * (double)eps[i]);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		double v = (double)x[i], x0 = clamp((v - noise * (double)eps[i]) / signal, clip);
		out[i] = (float)(signal_to * x0 + noise_to * (v - signal * x0) / noise);
	}
}

/* What one run needs besides x. */
struct run {
	const solver *s;
	const predictor *p;
	float *eps, *g;
	float *clean, *before; /* predictions of the clean latent, now and a step before; SOLVER_DPMPP2M */
};

void solver_steer(const schedule *s, int t, float *eps, const float *g, size_t n)
{
	const double noise = schedule_noise(s, t);
	for (size_t i = 0; i < n; i++)
		eps[i] = (float)((double)eps[i] - noise * (double)g[i]);
}

/* The noise in x at timestep t, steered or not. */
static int predict(struct run *r, const float *x, int t, bool steered, err *e)
{
	const predictor *p = r->p;
	bool shift = steered && p->y;
	int code = p->predict(p->of, r->eps, shift ? r->g : NULL, x, t, p->y, e);
	if (code || !shift)
		return code;
	solver_steer(r->s->schedule, t, r->eps, r->g, p->count);
	return 0;
}

/* Step k of DPM-Solver++(2M) from timestep t to timestep to, from the one before being at timestep last (k = 0: there was none). */
static void dpmpp2m_step(struct run *r, float *x, int k, int last, int t, int to)
{
	const schedule *s = r->s->schedule;
	double signal = schedule_signal(s, t), noise = schedule_noise(s, t), here = schedule_lambda(s, t);
	double h = schedule_lambda(s, to) - here;
	double extrapolate = k ? h / (2 * (here - schedule_lambda(s, last))) : 0;
	double from_x = schedule_noise(s, to) / noise, from_clean = -schedule_signal(s, to) * expm1(-h);
	for (size_t i = 0; i < r->p->count; i++) {
		double clean = ((double)x[i] - noise * (double)r->eps[i]) / signal;
		if (!isinf(r->s->clip))
			clean = clamp(clean, r->s->clip);
		double middle = clean + extrapolate * (clean - (double)r->before[i]);
		r->clean[i] = (float)clean;
		x[i] = (float)(from_x * (double)x[i] + from_clean * middle);
	}
	float *swap = r->before;
	r->before = r->clean;
	r->clean = swap;
}

int solver_unsteered(const solver *s, bool invert) { return invert ? 0 : (int)(s->stop * (s->n - 1)); }

static int solve(const solver *s, const predictor *p, float *x, bool up, err *e)
{
	struct run r = { .s = s, .p = p };
	float *memory = NULL;
	int calls = s->n - 1, last = 0, without = solver_unsteered(s, up);
	int code = mem_zero(&memory, p->count, 4 * sizeof *memory, "solver", e);
	if (code)
		return code;
	r.eps = memory;
	r.g = memory + p->count;
	r.clean = memory + 2 * p->count;
	r.before = memory + 3 * p->count;
	for (int k = 0; k < calls && !code; k++) {
		int t = s->times[up ? k : calls - k], to = s->times[up ? k + 1 : calls - k - 1];
		code = predict(&r, x, t, up || calls - k - 1 >= without, e);
		if (code)
			break;
		if (s->kind == SOLVER_DDIM)
			ddim_step(s->schedule, t, to, s->clip, x, x, r.eps, p->count);
		else
			dpmpp2m_step(&r, x, k, last, t, to);
		last = t;
		if (s->progress)
			s->progress(s->progress_of, k + 1, calls);
	}
	free(memory);
	return code;
}

int solver_sample(const solver *s, const predictor *p, float *x, err *e) { return solve(s, p, x, false, e); }

int solver_invert(const solver *s, const predictor *p, float *x, err *e) { return solve(s, p, x, true, e); }
