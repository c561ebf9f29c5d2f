#include "train/training.h"

#include <math.h>

#include "train/ema.h"

training training_new(const training_kind *kind, const training_setup *s)
{
	return (training){ .kind = kind,
			   .config = *s->config,
			   .recipe = *s->recipe,
			   .state.seed = s->seed,
			   .math = s->math,
			   .threads = s->threads,
			   .stage = -1 };
}

train_part *training_add_part(training *t, const char *name, bool averaged, enum optimiser_rule rule)
{
	train_part *p = &t->state.parts[t->state.n_parts++];
	*p = (train_part){ .name = name, .averaged = averaged, .optimiser = { .rule = rule, .vectors = recipe_vectors(&t->recipe) } };
	return p;
}

int training_begin(training *t, err *e)
{
	int code = 0;
	for (size_t i = 0; i < t->state.n_parts && !code; i++)
		code = part_begin(&t->state.parts[i], e);
	return code;
}

static void close_objectives(training *t)
{
	for (int i = 0; i < TRAIN_OBJECTIVES; i++)
		objective_close(&t->objectives[i]);
	t->stage = -1;
}

void training_close(training *t)
{
	close_objectives(t);
	for (size_t i = 0; i < t->state.n_parts; i++)
		part_free(&t->state.parts[i]);
	t->state.n_parts = 0;
}

int training_columns(const char *const *names)
{
	int n = 0;
	while (names[n])
		n++;
	return n;
}

/* ---- graphs ---- */

/* One objective of a training: what a description is of. */
typedef struct task {
	training *t;
	int which;
} task;

static void describe_whole(void *of, objective *o)
{
	const task *k = of;
	k->t->kind->describe(k->t, k->which, false, o);
}

static void describe_part(void *of, objective *o)
{
	const task *k = of;
	k->t->kind->describe(k->t, k->which, true, o);
}

/* The parts' weights, or their averages, as graphs are bound to them. */
static objective_setting setting(training *t, params *sets[TRAIN_PARTS], bool averages)
{
	objective_setting s = { averages ? GRAPH_AGAIN : GRAPH_TRAIN, t->math, t->threads, sets, 0 };
	for (size_t i = 0; i < t->state.n_parts; i++) {
		train_part *p = &t->state.parts[i];
		if (!averages || p->ema.n)
			sets[s.n_sets++] = averages ? &p->ema : &p->weights;
	}
	return s;
}

static int open_objectives(training *t, const dataset *d, err *e)
{
	params *sets[TRAIN_PARTS];
	const objective_setting s = setting(t, sets, false);
	const int stage = t->kind->stage ? t->kind->stage(t) : 0;
	int code = 0;
	if (stage == t->stage)
		return 0;
	close_objectives(t);
	if (t->kind->prepare)
		code = t->kind->prepare(t, d, e);
	for (int i = 0; i < TRAIN_OBJECTIVES && !code; i++) {
		objective *o = &t->objectives[i];
		code = objective_open(o, &s, describe_whole, &(task){ t, i }, e);
		if (!code && !o->loss)
			objective_close(o);
	}
	t->stage = code ? -1 : stage;
	return code;
}

int training_look(training *t, objective *o, objective_description *describe, void *of, err *e)
{
	params *sets[TRAIN_PARTS];
	const objective_setting s = setting(t, sets, true);
	return objective_open(o, &s, describe, of, e);
}

void training_release(training *t)
{
	for (int i = 0; i < TRAIN_OBJECTIVES; i++)
		if (t->objectives[i].g)
			graph_release(t->objectives[i].g);
}

/* ---- steps ---- */

static philox drawn_for(const void *of, const char *use)
{
	const training *t = of;
	return state_random(&t->state, use, t->draw);
}

int training_run(training *t, int which, float share, uint64_t draw, err *e)
{
	objective *o = &t->objectives[which];
	t->draw = draw;
	graph_random(o->g, drawn_for, t);
	return objective_run(o, share, t->losses, &t->loss, e);
}

/* Numbers that an objective tells begin at 0; the others are not there. */
static void clear(training *t)
{
	t->loss = 0;
	for (int i = 0; i < TRAIN_COLUMNS; i++) {
		t->losses[i] = NAN;
		for (int k = 0; k < TRAIN_OBJECTIVES; k++)
			if (t->objectives[k].told[i])
				t->losses[i] = 0;
	}
	for (size_t i = 0; i < t->state.n_parts; i++)
		params_zero_gradients(&t->state.parts[i].weights);
}

static void tell(training *t, int column, double v)
{
	if (column >= 0)
		t->losses[column] = v;
}

static double norm_of(const training *t, const train_group *g)
{
	double square = 0;
	for (size_t i = g->first; i < g->first + g->n; i++) {
		const double own = gradient_norm(&t->state.parts[i].weights);
		square += own * own;
	}
	return sqrt(square);
}

/* From gradients to weights. All norms are looked at before anything moves. */
static int move(training *t, err *e)
{
	double norm[TRAIN_GROUPS], sum = t->loss;
	int code = 0;
	for (int i = 0; i < t->n_groups; i++) {
		const train_group *g = &t->groups[i];
		norm[i] = g->still ? 0 : norm_of(t, g);
		sum += norm[i];
		if (!g->still)
			tell(t, g->norm, norm[i]);
	}
	if (!isfinite(sum))
		return err_set(e, ERR_DATA, "the loss is no finite number any more at step %lld (%g)", (long long)t->state.step, t->loss);
	for (int i = 0; i < t->n_groups; i++) {
		const train_group *g = &t->groups[i];
		const double rate = lr_at(&g->rate, t->state.step);
		tell(t, g->lr, rate);
		for (size_t k = g->first; k < g->first + g->n && !g->still && !code; k++) {
			train_part *p = &t->state.parts[k];
			code = optimiser_step(&p->optimiser, &p->weights, rate, clip_factor(norm[i], t->recipe.clip), e);
		}
	}
	return code;
}

int training_step(training *t, const dataset *d, err *e)
{
	train_state *s = &t->state;
	int code = open_objectives(t, d, e);
	if (!code)
		clear(t);
	for (int i = 0; i < t->recipe.batch && !code; i++)
		code = t->kind->scan(t, d, (uint64_t)s->step * (uint64_t)t->recipe.batch + (uint64_t)i, e);
	if (!code)
		code = move(t, e);
	if (code)
		return code;
	for (size_t i = 0; i < s->n_parts; i++)
		if (s->parts[i].ema.n)
			ema_update(&s->parts[i].ema, &s->parts[i].weights, t->recipe.ema, s->step);
	s->step++;
	return 0;
}

/* ---- plans ---- */

int training_plan(training *t, model_cost *cost, err *e)
{
	params *sets[TRAIN_PARTS];
	const objective_setting s = setting(t, sets, false);
	int code = t->kind->prepare ? t->kind->prepare(t, NULL, e) : 0;
	*cost = (model_cost){ 0 };
	for (int i = 0; i < TRAIN_OBJECTIVES && !code; i++) {
		model_cost own;
		code = objective_cost(&own, &s, describe_whole, describe_part, &(task){ t, i }, e);
		cost->flop += own.flop * t->recipe.batch;
		cost->seconds += own.seconds * t->recipe.batch;
		cost->bytes += own.bytes;
	}
	for (size_t i = 0; i < t->state.n_parts; i++)
		cost->bytes += part_bytes(&t->state.parts[i]);
	return code ? code : t->kind->cost(t, cost, e);
}
