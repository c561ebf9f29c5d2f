#include "train/plan.h"

#include "base/clock.h"

/* The kernels' copies of the weights belong to the context that made them. */
static void forget_packed(const params *const *sets, int n)
{
	for (int i = 0; i < n; i++)
		for (size_t k = 0; k < sets[i]->n; k++)
			param_touch(&sets[i]->p[k]);
}

static int count(train_cost *cost, plan_run *run, void *of, bool small, enum nn_math math, int threads, err *e)
{
	nn *c = nn_new(NN_PLAN, math, threads);
	if (!c)
		return err_set(e, ERR_OS, "no memory");
	nn_record(c, true);
	int code = run(of, c, small, e);
	cost->flop = nn_flop(c);
	cost->bytes = (double)nn_peak(c);
	nn_free(c);
	return code;
}

static int pace_of(double *seconds, plan_run *run, void *of, enum nn_math math, int threads, err *e)
{
	nn *c = nn_new(NN_TRAIN, math, threads);
	int code = c ? run(of, c, true, e) : err_set(e, ERR_OS, "no memory");
	double begun = clock_seconds();
	if (!code)
		code = run(of, c, true, e);
	*seconds = clock_seconds() - begun;
	nn_free(c);
	return code;
}

int train_plan(train_cost *cost, plan_run *run, void *of, const params *const *sets, int n, enum nn_math math, int threads, err *e)
{
	train_cost small = { 0 };
	int code = count(&small, run, of, true, math, threads, e);
	forget_packed(sets, n);
	if (!code)
		code = pace_of(&small.seconds, run, of, math, threads, e);
	forget_packed(sets, n);
	if (!code)
		code = count(cost, run, of, false, math, threads, e);
	forget_packed(sets, n);
	cost->seconds = cost->flop * small.seconds / small.flop;
	return code;
}
