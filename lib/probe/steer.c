#include "probe/steer.h"

#include <math.h>

/* How far to move, in f, a code that the probe reads as f. */
static double way(const probe *p, double f, enum steer_unit unit, double amount)
{
	if (unit == STEER_ADD)
		return amount;
	return (p->task == PROBE_CLASSIFY ? log(amount / (1 - amount)) : amount) - f;
}

int probe_steer(steered *out, const probe *p, float *y, enum steer_unit unit, double amount, err *e)
{
	double square = 0;
	for (size_t i = 0; i < p->n; i++)
		square += p->weight[i] * p->weight[i];
	if (!(square > 0))
		return err_set(e, ERR_DATA, "the probe has no direction: all of its weights are 0");
	const double f = probe_value(p, y);
	const double k = unit == STEER_BY ? amount : way(p, f, unit, amount) / sqrt((double)p->n * square);
	const double step = k * sqrt((double)p->n / square);
	/* the same as standardising, moving and going back */
	for (size_t i = 0; i < p->n; i++)
		y[i] = (float)((double)y[i] + step * p->weight[i] * p->std[i]);
	*out = (steered){ k, probe_reading(p->task, f), probe_reading(p->task, probe_value(p, y)) };
	return 0;
}
