#include "probe/steer.h"

#include <math.h>

int probe_steer(const probe *p, float *y, double k, err *e)
{
	double square = 0;
	for (size_t i = 0; i < p->n; i++)
		square += p->weight[i] * p->weight[i];
	if (!(square > 0))
		return err_set(e, ERR_DATA, "the probe has no direction: all of its weights are 0");
	double step = k * sqrt((double)p->n / square);
	/* the same as standardising, moving and going back */
	for (size_t i = 0; i < p->n; i++)
		y[i] = (float)((double)y[i] + step * p->weight[i] * p->std[i]);
	return 0;
}
