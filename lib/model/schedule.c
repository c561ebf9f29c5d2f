#include "model/schedule.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

/* f of the cosine schedule at t/T */
static double cosine(int t, int timesteps)
{
	double c = cos(((double)t / timesteps + .008) / 1.008 * M_PI / 2);
	return c * c;
}

int schedule_new(schedule *s, const diffusion_config *d, err *e)
{
	int n = d->timesteps;
	*s = (schedule){ .timesteps = n };
	int code = mem_zero(&s->beta, (size_t)n, sizeof *s->beta, "schedule", e);
	if (!code)
		code = mem_zero(&s->abar, (size_t)n, sizeof *s->abar, "schedule", e);
	double product = 1;
	for (int t = 0; t < n && !code; t++) {
		if (d->schedule == SCHEDULE_COSINE)
			s->beta[t] = fmin(1 - cosine(t + 1, n) / cosine(t, n), .999);
		else
			s->beta[t] = 1e-4 + (.02 - 1e-4) * t / (n - 1);
		product *= 1 - s->beta[t];
		s->abar[t] = product;
	}
	return code;
}

void schedule_free(schedule *s)
{
	free(s->beta);
	free(s->abar);
	*s = (schedule){ 0 };
}

double schedule_signal(const schedule *s, int t) { return sqrt(s->abar[t]); }

double schedule_noise(const schedule *s, int t) { return sqrt(1 - s->abar[t]); }

double schedule_lambda(const schedule *s, int t) { return .5 * (log(s->abar[t]) - log1p(-s->abar[t])); }

double schedule_shift_published(const schedule *s, int t)
{
	double before = t ? s->abar[t - 1] : 1;
	return -sqrt(1 - s->beta[t]) * (1 - before) / sqrt(1 - s->abar[t]);
}

double schedule_loss_weight(const schedule *s, int t)
{
	double r = s->abar[t] / (1 - s->abar[t]);
	return pow(r, .1) / (1 + r);
}

double schedule_p2_weight(const schedule *s, int t, double k, double gamma)
{
	return pow(k + s->abar[t] / (1 - s->abar[t]), -gamma);
}

/* The timestep whose lambda is nearest; lambda falls with t, and *from moves along it: the values asked for fall, too. */
static int nearest(const schedule *s, double lambda, int *from)
{
	while (*from + 1 < s->timesteps && fabs(schedule_lambda(s, *from + 1) - lambda) < fabs(schedule_lambda(s, *from) - lambda))
		++*from;
	return *from;
}

int schedule_times(const schedule *s, enum spacing spacing, int steps, int **times, int *n, err *e)
{
	int last = s->timesteps - 1, at = 0, *list = NULL;
	*times = NULL;
	*n = 0;
	if (steps < 1 || steps > last)
		return err_set(e, ERR_USAGE, "%d steps: the model has 1 to %d", steps, last);
	int code = mem_zero(&list, (size_t)steps + 1, sizeof *list, "timesteps", e);
	if (code)
		return code;
	double first = schedule_lambda(s, 0), span = schedule_lambda(s, last) - first;
	for (int k = 0; k <= steps; k++) {
		/* k (T-1) / N is not the same for every N: the published list multiplies by a rounded quotient, and its last entry is T-1
		 */
		int t = k == steps		  ? last
			: spacing == SPACING_TIME ? (int)(k * ((double)last / steps))
						  : nearest(s, first + span * k / steps, &at);
		if (!*n || list[*n - 1] < t)
			list[(*n)++] = t;
	}
	*times = list;
	return 0;
}
