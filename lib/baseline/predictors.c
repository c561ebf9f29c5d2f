#include "baseline/predictors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/blas.h"
#include "base/mem.h"
#include "base/threads.h"
#include "baseline/linear_map.h"
#include "baseline/places.h"

static const double LEAST_LEFT = .05; /* of a place's variance, beside the components */
static const double RIDGE = 2e-3;

/* ---- what is learned once ---- */

/* Mean and variance of the scaled latents from those of the latents, mean and sd [count]. */
static void scale_places(predictors *p, const float *mean, const float *sd)
{
	const scaling *s = &p->trial.scaling;
	for (size_t i = 0; i < p->trial.count; i++) {
		double wide = s->scale * (double)sd[i] / (s->sd ? (double)s->sd[i] : 1);
		p->mean[i] = scaling_apply(s, (double)mean[i], i);
		p->variance[i] = wide * wide;
	}
}

/* Principal components of the latents standardised place by place, and what they leave. */
static int learn_components(predictors *p, const float *mean, const float *sd, err *e)
{
	const size_t count = p->trial.count;
	float *rows = NULL;
	pca c = { 0 };
	int code = mem_zero(&rows, p->train.n * count, sizeof *rows, "standardised latents", e);
	for (size_t r = 0; !code && r < p->train.n; r++)
		for (size_t i = 0; i < count; i++)
			rows[r * count + i] = (p->train.z[r][i] - mean[i]) / sd[i];
	if (!code)
		code = pca_fit_about_zero(&c, rows, p->train.n, count, p->most, e);
	free(rows);
	for (int j = 0; !code && j < p->most; j++)
		for (size_t i = 0; i < count; i++) {
			const size_t at = (size_t)j * count + i;
			double share = c.square[j] * c.axis[at] * c.axis[at]; /* of the place's variance that this component has */
			p->loading[at] = c.axis[at] * sqrt(c.square[j] * p->variance[i]);
			for (int n = 0; n < p->nk; n++)
				p->left[(size_t)n * count + i] += j < p->k[n] ? share : 0;
		}
	for (int n = 0; !code && n < p->nk; n++)
		for (size_t i = 0; i < count; i++) {
			double *left = &p->left[(size_t)n * count + i];
			*left = fmax(1 - *left, LEAST_LEFT) * p->variance[i];
		}
	pca_free(&c);
	return code;
}

static int room(predictors *p, err *e)
{
	const size_t count = p->trial.count;
	int code = mem_zero(&p->mean, count, sizeof *p->mean, "predictors", e);
	if (!code)
		code = mem_zero(&p->variance, count, sizeof *p->variance, "predictors", e);
	if (!code)
		code = mem_zero(&p->loading, (size_t)p->most * count, sizeof *p->loading, "predictors", e);
	return code ? code : mem_zero(&p->left, (size_t)p->nk * count, sizeof *p->left, "predictors", e);
}

int predictors_learn(predictors *p, const trial *t, const trial_latents *train, const int *k, int nk, err *e)
{
	float *mean = NULL, *sd = NULL;
	*p = (predictors){ .trial = *t, .train = *train, .k = k, .nk = nk };
	for (int i = 0; i < nk; i++)
		if (k[i] > p->most)
			p->most = k[i];
	if (!train->n)
		return err_set(e, ERR_DATA, "no latents to learn from");
	if (t->shape[0] > PREDICTORS_MOST_CHANNELS)
		return err_set(e, ERR_DATA, "latents of %lld channels: at most %d are possible", (long long)t->shape[0],
			       PREDICTORS_MOST_CHANNELS);
	int code = room(p, e);
	if (!code)
		code = mem_zero(&mean, t->count, sizeof *mean, "latents' mean", e);
	if (!code)
		code = mem_zero(&sd, t->count, sizeof *sd, "latents' standard deviation", e);
	if (!code)
		code = places_learn(mean, sd, train->z, train->n, t->count, e);
	if (!code)
		scale_places(p, mean, sd);
	if (!code && nk)
		code = learn_components(p, mean, sd, e);
	free(mean);
	free(sd);
	return code;
}

void predictors_free(predictors *p)
{
	free(p->mean);
	free(p->variance);
	free(p->loading);
	free(p->left);
	*p = (predictors){ 0 };
}

void predictors_name(const predictors *p, int number, char name[32])
{
	if (number == 0)
		snprintf(name, 32, "place");
	else if (number <= p->nk)
		snprintf(name, 32, "pca%d", p->k[number - 1]);
	else
		snprintf(name, 32, "lin%d", number - p->nk - 1);
}

/* ---- one timestep ---- */

typedef void factorise(const char *half, const int *n, double *a, const int *lda, int *info, size_t half_length);
typedef void substitute(const char *half, const int *n, const int *columns, const double *a, const int *lda, double *b, const int *ldb,
			int *info, size_t half_length);

/* What one thread predicts with, at one timestep. */
typedef struct at_time {
	const predictors *p;
	int time;
	double signal, noise; /* sqrt(a), sqrt(1 - a) */
	float *v, *drawn, *told; /* [count]: noisy latent, the noise in it, the noise that a predictor tells */
	double *off; /* [count], y - sqrt(a) m */
	double *sd; /* [count], s */
	double *field, *target; /* [count], of the linear maps */
	double *weight; /* [sites], likewise */
	double *d; /* [nk][count], the diagonal D of each number of components */
	double *gram; /* [nk][most][most], Cholesky factors of 1 + a L'DL, each [k][k] */
	double *score; /* [most] */
	linear_map *map;
	factorise *potrf;
	substitute *potrs;
} at_time;

static size_t sites(const trial *t) { return t->count / (size_t)t->shape[0]; }

static int begin(at_time *w, const predictors *p, int time, err *e)
{
	const size_t count = p->trial.count, most = (size_t)p->most, nk = (size_t)p->nk;
	*w = (at_time){ .p = p, .time = time };
	w->signal = schedule_signal(p->trial.schedule, time);
	w->noise = schedule_noise(p->trial.schedule, time);
	float **singles[] = { &w->v, &w->drawn, &w->told };
	struct {
		double **p;
		size_t n;
	} doubles[] = {
		{ &w->off, count },
		{ &w->sd, count },
		{ &w->field, count },
		{ &w->target, count },
		{ &w->weight, sites(&p->trial) },
		{ &w->d, nk * count },
		{ &w->gram, nk * most * most },
		{ &w->score, most },
	};
	int code = 0;
	for (size_t i = 0; !code && i < sizeof singles / sizeof *singles; i++)
		code = mem_zero(singles[i], count, sizeof(float), "noisy latents", e);
	for (size_t i = 0; !code && i < sizeof doubles / sizeof *doubles; i++)
		code = mem_zero(doubles[i].p, doubles[i].n, sizeof(double), "noisy latents", e);
	if (!code)
		code = linear_map_new(&w->map, p->trial.shape, e);
	if (!code)
		code = blas_function(&w->potrf, "dpotrf_", e);
	if (!code)
		code = blas_function(&w->potrs, "dpotrs_", e);
	for (size_t i = 0; !code && i < count; i++)
		w->sd[i] = sqrt(w->signal * w->signal * p->variance[i] + w->noise * w->noise);
	return code;
}

static void end(at_time *w)
{
	linear_map_free(w->map);
	free(w->v);
	free(w->drawn);
	free(w->told);
	free(w->off);
	free(w->sd);
	free(w->field);
	free(w->target);
	free(w->weight);
	free(w->d);
	free(w->gram);
	free(w->score);
}

/* Latent number r of `from` with its noise. */
static void set(at_time *w, const trial_latents *from, size_t r, enum trial_use use)
{
	const predictors *p = w->p;
	trial_set(&p->trial, w->v, w->drawn, from->z[r], from->id[r], w->time, use);
	for (size_t i = 0; i < p->trial.count; i++) {
		w->off[i] = (double)w->v[i] - w->signal * p->mean[i];
		w->field[i] = w->off[i] / w->sd[i];
	}
}

/* D and the Cholesky factor for each number of components. */
static int prepare_components(at_time *w, err *e)
{
	const predictors *p = w->p;
	const size_t count = p->trial.count;
	const double a = w->signal * w->signal;
	for (int n = 0; n < p->nk; n++) {
		double *d = w->d + (size_t)n * count, *gram = w->gram + (size_t)n * (size_t)p->most * (size_t)p->most;
		const int k = p->k[n];
		int info = 0;
		for (size_t i = 0; i < count; i++)
			d[i] = 1 / (a * p->left[(size_t)n * count + i] + w->noise * w->noise);
		for (int r = 0; r < k; r++)
			for (int c = r; c < k; c++) {
				const double *one = p->loading + (size_t)r * count, *other = p->loading + (size_t)c * count;
				double sum = 0;
				for (size_t i = 0; i < count; i++)
					sum += one[i] * d[i] * other[i];
				gram[r * k + c] = (r == c) + a * sum;
			}
		/* our upper triangle is the lower one of LAPACK, which counts columns first */
		w->potrf("L", &k, gram, &k, &info, 1);
		if (info)
			return err_set(e, ERR_DATA, "principal components: no Cholesky factor (%d)", info);
	}
	return 0;
}

static int learn_maps(at_time *w, err *e)
{
	const trial *t = &w->p->trial;
	const size_t n = sites(t);
	for (size_t i = 0; i < t->count; i++)
		w->weight[i % n] += (t->weight ? (double)t->weight[i] : 1) / (w->sd[i] * w->sd[i]) / (double)t->shape[0];
	for (size_t r = 0; r < w->p->train.n; r++) {
		set(w, &w->p->train, r, TRIAL_TEACHES);
		for (size_t i = 0; i < t->count; i++)
			w->target[i] = w->sd[i] * (double)w->drawn[i];
		linear_map_learn(w->map, w->field, w->target, w->weight);
	}
	return linear_map_solve(w->map, RIDGE, e);
}

/* ---- what they tell of the noise in w->v ---- */

static void tell_place(at_time *w)
{
	for (size_t i = 0; i < w->p->trial.count; i++)
		w->told[i] = (float)(w->noise * w->field[i] / w->sd[i]);
}

static void tell_components(at_time *w, int n)
{
	const predictors *p = w->p;
	const size_t count = p->trial.count;
	const double *d = w->d + (size_t)n * count, *gram = w->gram + (size_t)n * (size_t)p->most * (size_t)p->most;
	const int k = p->k[n], one = 1;
	int info;
	for (int j = 0; j < k; j++) {
		const double *loading = p->loading + (size_t)j * count;
		double sum = 0;
		for (size_t i = 0; i < count; i++)
			sum += loading[i] * d[i] * w->off[i];
		w->score[j] = w->signal * sum;
	}
	w->potrs("L", &k, &one, gram, &k, w->score, &k, &info, 1);
	for (size_t i = 0; i < count; i++) {
		double low = 0;
		for (int j = 0; j < k; j++)
			low += w->score[j] * p->loading[(size_t)j * count + i];
		w->told[i] = (float)(w->noise * d[i] * (w->off[i] - w->signal * low));
	}
}

static void tell_map(at_time *w, enum linear_map_reach reach)
{
	linear_map_apply(w->map, reach, w->field, w->target);
	for (size_t i = 0; i < w->p->trial.count; i++)
		w->told[i] = (float)(w->target[i] / w->sd[i]);
}

/* ---- judging ---- */

/* Column number `which` of the errors. */
static int judge_time(const predictors *p, const trial_latents *judged, int which, double (*error)[TRIAL_TIMES], err *e)
{
	at_time w;
	int code = begin(&w, p, trial_time(&p->trial, which), e);
	if (!code)
		code = prepare_components(&w, e);
	if (!code)
		code = learn_maps(&w, e);
	for (size_t r = 0; !code && r < judged->n; r++) {
		set(&w, judged, r, TRIAL_JUDGES);
		for (int number = 0; number < predictors_count(p); number++) {
			if (number == 0)
				tell_place(&w);
			else if (number <= p->nk)
				tell_components(&w, number - 1);
			else
				tell_map(&w, (enum linear_map_reach)(number - p->nk - 1));
			error[number][which] += trial_error(&p->trial, w.drawn, w.told) / (double)judged->n;
		}
	}
	end(&w);
	return code;
}

int predictors_judge(const predictors *p, const trial_latents *judged, double (*error)[TRIAL_TIMES], err *e)
{
	const int threads = threads_count() < TRIAL_TIMES ? threads_count() : TRIAL_TIMES;
	for (int i = 0; i < predictors_count(p); i++)
		for (int k = 0; k < TRIAL_TIMES; k++)
			error[i][k] = 0;
	int code = blas_open(threads, e);
	if (code)
		return code;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
	for (int i = 0; i < TRIAL_TIMES; i++) {
		err own = { 0 };
		int failed = judge_time(p, judged, i, error, &own);
#pragma omp critical
		if (failed && !code) {
			code = failed;
			*e = own;
		}
	}
	return code;
}
