#include "train/objective.h"

#include "base/clock.h"

static void fix(const objective *o, bool fixed)
{
	if (o->fixed)
		params_freeze(o->fixed, fixed);
}

/* Everything but memory. */
static int settle(objective *o, const objective_setting *s, objective_description *describe, void *of, err *e)
{
	*o = (objective){ .g = graph_new(s->use, s->math, s->threads) };
	if (!o->g)
		return err_set(e, ERR_OS, "no memory for the network");
	describe(of, o);
	o->runs = o->runs ? o->runs : 1;
	int code = graph_bind(o->g, s->sets, s->n_sets, e);
	fix(o, true);
	if (!code)
		code = graph_settle(o->g, e);
	fix(o, false);
	return code;
}

int objective_open(objective *o, const objective_setting *s, objective_description *describe, void *of, err *e)
{
	const int code = settle(o, s, describe, of, e);
	return code ? code : graph_open(o->g, e);
}

void objective_close(objective *o)
{
	graph_free(o->g);
	*o = (objective){ 0 };
}

int objective_run(objective *o, float share, double columns[TRAIN_COLUMNS], double *loss, err *e)
{
	int code = graph_forward(o->g, e);
	for (int i = 0; i < TRAIN_COLUMNS && !code; i++)
		if (o->told[i])
			columns[i] += (double)share * graph_value(o->told[i]);
	if (code || !o->loss)
		return code;
	*loss += (double)share * graph_value(o->loss);
	fix(o, true);
	code = graph_backward(o->g, o->loss, share, e);
	fix(o, false);
	return code;
}

static int pace(double *seconds, const objective_setting *s, objective_description *part, void *of, err *e)
{
	objective o;
	double unused[TRAIN_COLUMNS] = { 0 }, loss = 0, took = 0;
	int code = objective_open(&o, s, part, of, e);
	if (!code)
		graph_clear(o.g);
	for (int i = 0; i < 2 && !code; i++) {
		const double start = clock_seconds();
		code = objective_run(&o, 1, unused, &loss, e);
		took = clock_seconds() - start;
	}
	*seconds = code ? 0 : took / graph_flop(o.g);
	objective_close(&o);
	return code;
}

int objective_cost(model_cost *out, const objective_setting *s, objective_description *whole, objective_description *part, void *of, err *e)
{
	objective o;
	double seconds = 0;
	*out = (model_cost){ 0 };
	int code = settle(&o, s, whole, of, e);
	if (!code && o.loss)
		code = pace(&seconds, s, part, of, e);
	if (!code && o.loss) {
		const double flop = graph_flop(o.g) * o.runs;
		*out = (model_cost){ flop, (double)graph_bytes(o.g), flop * seconds };
	}
	objective_close(&o);
	return code;
}
