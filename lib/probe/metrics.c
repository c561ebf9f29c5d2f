#include "probe/metrics.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/threads.h"
#include "probe/bootstrap.h"

static const char *const names[METRICS] = {
	"accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc", "auc", "mae", "rmse", "r2"
};

const char *metric_name(enum metric m) { return names[m]; }

bool metric_of_task(enum metric m, enum probe_task task) { return (m <= METRIC_AUC) == (task == PROBE_CLASSIFY); }

/* The cases of one repeat, and in which order their f rise. */
typedef struct judged {
	size_t n;
	const double *truth, *f;
	const size_t *subject, *order;
} judged;

/* a / b, 0 / 0 = 0. */
static double share(double a, double b) { return b > 0 ? a / b : 0; }

/* times [subjects]: how often each subject is in the sample. */
static void classify(double out[METRICS], const judged *j, const uint32_t *times)
{
	double of[2][2] = { { 0 } }, below = 0, wins = 0; /* of[truth][call] */
	for (size_t at = 0, end; at < j->n; at = end) { /* cases of the same f at a time */
		double tied[2] = { 0, 0 };
		for (end = at; end < j->n && j->f[j->order[end]] == j->f[j->order[at]]; end++) {
			size_t i = j->order[end];
			int positive = j->truth[i] > .5;
			tied[positive] += times[j->subject[i]];
			of[positive][j->f[i] > 0] += times[j->subject[i]];
		}
		wins += tied[1] * (below + tied[0] / 2);
		below += tied[0];
	}
	double tn = of[0][0], fp = of[0][1], fn = of[1][0], tp = of[1][1];
	double negatives = tn + fp, positives = fn + tp, n = negatives + positives;
	out[METRIC_ACCURACY] = (tp + tn) / n;
	out[METRIC_BALANCED_ACCURACY] = (share(tp, positives) + share(tn, negatives)) / ((positives > 0) + (negatives > 0));
	out[METRIC_PRECISION] = share(tp, tp + fp);
	out[METRIC_RECALL] = share(tp, positives);
	out[METRIC_F1] = share(2 * tp, 2 * tp + fp + fn);
	out[METRIC_MCC] = share(tp * tn - fp * fn, sqrt((tp + fp) * positives * negatives * (tn + fn)));
	out[METRIC_AUC] = positives > 0 && negatives > 0 ? wins / (positives * negatives) : NAN;
}

static void regress(double out[METRICS], const judged *j, const uint32_t *times)
{
	double n = 0, sum = 0, absolute = 0, squares = 0, spread = 0;
	for (size_t i = 0; i < j->n; i++) {
		double t = times[j->subject[i]], d = j->truth[i] - j->f[i];
		n += t;
		sum += t * (j->truth[i] - j->truth[0]);
		absolute += t * fabs(d);
		squares += t * d * d;
	}
	double mean = j->truth[0] + sum / n;
	double lo = INFINITY, hi = -INFINITY;
	for (size_t i = 0; i < j->n; i++) {
		double t = times[j->subject[i]], d = j->truth[i] - mean;
		spread += t * d * d;
		lo = t > 0 ? fmin(lo, j->truth[i]) : lo;
		hi = t > 0 ? fmax(hi, j->truth[i]) : hi;
	}
	out[METRIC_MAE] = absolute / n;
	out[METRIC_RMSE] = sqrt(squares / n);
	out[METRIC_R2] = hi > lo ? 1 - squares / spread : NAN;
}

/* order [repeats][n] */
static judged repeat(const predicted *p, const size_t *order, int r)
{
	const size_t at = (size_t)r * p->n;
	return (judged){ p->n, p->truth, p->f + at, p->subject, order + at };
}

/* The means over the repeats and, unless it is NULL, their standard deviation. */
static void measure(double out[METRICS], double *sd, const predicted *p, const size_t *order, const uint32_t *times)
{
	double squares[METRICS] = { 0 };
	for (int m = 0; m < METRICS; m++)
		out[m] = metric_of_task(m, p->task) ? 0 : NAN;
	for (int r = 0; r < p->repeats; r++) {
		const judged j = repeat(p, order, r);
		double own[METRICS] = { 0 };
		if (p->task == PROBE_CLASSIFY)
			classify(own, &j, times);
		else
			regress(own, &j, times);
		for (int m = 0; m < METRICS; m++) {
			const double off = own[m] - out[m];
			out[m] += off / (r + 1);
			squares[m] += off * (own[m] - out[m]);
		}
	}
	for (int m = 0; m < METRICS && sd; m++)
		sd[m] = p->repeats > 1 ? sqrt(squares[m] / (p->repeats - 1)) : NAN;
}

static int by_f(const void *a, const void *b, void *with)
{
	const double *f = with;
	double x = f[*(const size_t *)a], y = f[*(const size_t *)b];
	return (x > y) - (x < y);
}

/* all [resamples][METRICS] */
static int resample(double (*all)[METRICS], const predicted *p, const size_t *order, int64_t resamples, uint64_t seed, err *e)
{
	const size_t subjects = p->subjects;
	int code = 0;
#pragma omp parallel num_threads(threads_count())
	{
		uint32_t *times = NULL;
		err own = { 0 };
		mem_zero(&times, subjects, sizeof *times, "bootstrap", &own);
#pragma omp for
		for (int64_t b = 0; b < resamples; b++) {
			if (own.code)
				continue;
			bootstrap_draw(times, subjects, seed, b);
			measure(all[b], NULL, p, order, times);
		}
#pragma omp critical(resample)
		if (own.code)
			code = err_set(e, own.code, "%s", own.text);
		free(times);
	}
	return code;
}

static void interval_of(interval *out, double (*all)[METRICS], double *column, int64_t resamples, enum metric m)
{
	for (int64_t b = 0; b < resamples; b++)
		column[b] = all[b][m];
	bootstrap_interval(&out->lo, &out->hi, column, (size_t)resamples);
}

int metrics_measure(interval out[METRICS], const predicted *p, int64_t resamples, uint64_t seed, err *e)
{
	uint32_t *once = NULL;
	size_t *order = NULL;
	double(*all)[METRICS] = NULL, *column = NULL, value[METRICS], sd[METRICS];
	int code =
		p->n ? mem_zero(&order, (size_t)p->repeats * p->n, sizeof *order, "metrics", e) : err_set(e, ERR_DATA, "nothing to judge");
	if (!code)
		code = mem_zero(&once, p->subjects, sizeof *once, "metrics", e);
	if (!code)
		code = mem_zero(&all, (size_t)resamples, sizeof *all, "bootstrap", e);
	if (!code)
		code = mem_zero(&column, (size_t)resamples, sizeof *column, "bootstrap", e);
	for (size_t s = 0; !code && s < p->subjects; s++)
		once[s] = 1;
	for (int r = 0; !code && r < p->repeats; r++) {
		size_t *own = order + (size_t)r * p->n;
		for (size_t i = 0; i < p->n; i++)
			own[i] = i;
		qsort_r(own, p->n, sizeof *own, by_f, (void *)(p->f + (size_t)r * p->n));
	}
	if (!code) {
		measure(value, sd, p, order, once);
		if (p->subjects > 1)
			code = resample(all, p, order, resamples, seed, e);
	}
	for (int m = 0; !code && m < METRICS; m++) {
		out[m] = (interval){ value[m], NAN, NAN, sd[m] };
		if (p->subjects > 1)
			interval_of(&out[m], all, column, resamples, m);
	}
	free(order);
	free(once);
	free(all);
	free(column);
	return code;
}
