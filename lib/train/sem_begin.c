#include "train/sem_begin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "baseline/pca.h"
#include "model/semantic.h"
#include "probe/linear.h"

enum { VARIATIONS = 3, PARTS = 5, STRENGTHS = 5 };
static const double strength[STRENGTHS] = { 1, 10, 100, 1000, 10000 };

/* Scans as the components and the prior see them. */
typedef struct pile {
	size_t n, own, width; /* rows; the first of them, which are no variations; numbers in a coarse scan */
	int codes, scores; /* numbers in a code, components of the prior */
	int *part; /* [n] which of PARTS parts of the people it belongs to */
	float *coarse; /* [n][width] */
	float *score; /* [n][scores] of the latents */
	float *code; /* [n][codes] */
	size_t *rows; /* [n], and */
	double *value; /* [n]: of a fit */
} pile;

static void pile_free(pile *p)
{
	free(p->part);
	free(p->coarse);
	free(p->score);
	free(p->code);
	free(p->rows);
	free(p->value);
}

static int pile_new(pile *p, const sem_train *t, const dataset *d, err *e)
{
	const sem_config *s = &t->t.config.semantic;
	*p = (pile){ .width = (size_t)semantic_coarse_count(s), .codes = s->embedding, .scores = t->t.config.diffusion.components };
	p->own = d->n_train;
	p->n = p->own * (t->t.recipe.augment ? 1 + VARIATIONS : 1);
	int code = mem_zero(&p->part, p->n, sizeof *p->part, "components", e);
	if (!code)
		code = mem_zero(&p->coarse, p->n * p->width, sizeof *p->coarse, "components", e);
	if (!code)
		code = mem_zero(&p->score, p->n * (size_t)p->scores, sizeof *p->score, "components", e);
	if (!code)
		code = mem_zero(&p->code, p->n * (size_t)p->codes, sizeof *p->code, "components", e);
	if (!code)
		code = mem_zero(&p->rows, p->n, sizeof *p->rows, "components", e);
	return code ? code : mem_zero(&p->value, p->n, sizeof *p->value, "components", e);
}

/* The coarse scan and the scores of a latent: a graph that has no parameters. */
typedef struct look {
	graph *g;
	layer *scan, *boxes, *latent, *score;
} look;

static int look_open(look *k, const sem_train *t, err *e)
{
	const int *n = t->t.config.volume;
	*k = (look){ .g = graph_new(GRAPH_ONCE, t->t.math, t->t.threads) };
	if (!k->g)
		return err_set(e, ERR_OS, "no memory for a network");
	k->scan = graph_input(k->g, (shape){ 1, n[0], n[1], n[2], 1 });
	k->boxes = graph_keep(semantic_coarse(k->g, &t->t.config.semantic, k->scan));
	k->latent = graph_input(k->g, t->space->s);
	k->score = graph_keep(expected_scores(k->g, t->space->prior, k->latent));
	int code = graph_bind(k->g, NULL, 0, e);
	if (!code)
		code = graph_settle(k->g, e);
	return code ? code : graph_open(k->g, e);
}

/* Row i: scan x with its latent z. */
static int see(pile *p, size_t i, const sem_train *t, look *k, const float *x, const float *z, err *e)
{
	const latent_space *l = t->space;
	float *scaled = NULL;
	int code = mem_zero(&scaled, l->count, sizeof *scaled, "components", e);
	if (code)
		return code;
	for (size_t n = 0; n < l->count; n++)
		scaled[n] = (float)scaling_apply(&l->scaling, (double)z[n], n);
	graph_write(k->g, k->scan, x);
	graph_write(k->g, k->latent, scaled);
	free(scaled);
	code = graph_forward(k->g, e);
	if (!code)
		graph_read(k->g, k->boxes, p->coarse + i * p->width);
	if (!code && k->score)
		graph_read(k->g, k->score, p->score + i * (size_t)p->scores);
	return code;
}

static int see_all(pile *p, sem_train *t, const dataset *d, err *e)
{
	look k;
	int code = look_open(&k, t, e);
	for (size_t i = 0; i < p->n && !code; i++) {
		const dataset_scan *scan = &d->scans[d->train[i % d->n_train]];
		const float *x = scan->x, *z = scan->z;
		p->part[i] = (int)(philox_hash(scan->subject) % PARTS);
		if (i >= p->own)
			code = latent_vary(t->space, &t->t, d, scan, i, &x, &z, e);
		if (!code)
			code = see(p, i, t, &k, x, z, e);
	}
	graph_free(k.g);
	latent_space_release(t->space);
	return code;
}

/* The encoder's components, and the codes that they make. Variations take part only where there are fewer scans than numbers in a code:
 * what intensities and positions vary by would take the place of what people differ in. Scaling all components by one factor lets those
 * that vary more weigh more in a code, and turning them keeps it so for probes, which standardise each number. */
static int set_components(pile *p, sem_train *t, err *e)
{
	param *weight = params_find(&t->t.state.parts[SEM_ENCODER].weights, SEMANTIC_COMPONENTS ".weight");
	param *bias = params_find(&t->t.state.parts[SEM_ENCODER].weights, SEMANTIC_COMPONENTS ".bias");
	pca c = { 0 };
	double *score = NULL;
	int code = mem_zero(&score, (size_t)p->codes, sizeof *score, "components", e);
	if (!code)
		code = pca_fit(&c, p->coarse, p->own > (size_t)p->codes ? p->own : p->n, p->width, p->codes, e);
	if (code == ERR_DATA)
		err_prefix(e, "semantic.coarse: not enough scans to train on, or too coarse, for a code of %d numbers", p->codes);
	double square = 0; /* of a score along an axis, in the mean: turning the axes leaves it as it is */
	for (int k = 0; k < p->codes && !code; k++)
		square += c.square[k] / p->codes;
	if (!code)
		code = pca_spread(&c, e);
	const double sd = square > 0 ? sqrt(square) : 1;
	for (int k = 0; k < p->codes && !code; k++) {
		const double *axis = c.axis + (size_t)k * p->width;
		double mean = 0;
		for (size_t i = 0; i < p->width; i++) {
			weight->v[(size_t)k * p->width + i] = (float)(axis[i] / sd);
			mean += axis[i] / sd * c.mean[i];
		}
		bias->v[k] = (float)-mean;
	}
	for (size_t i = 0; i < p->n && !code; i++) {
		pca_scores(&c, score, p->coarse + i * p->width);
		for (int k = 0; k < p->codes; k++)
			p->code[i * (size_t)p->codes + (size_t)k] = (float)(score[k] / sd);
	}
	param_touch(weight);
	param_touch(bias);
	pca_free(&c);
	free(score);
	return code;
}

/* The basis of the codes of all parts but `without`, whose rows are then p->rows. ERR_DATA where there are none. */
static int basis_without(basis *b, const pile *p, int without, err *e)
{
	size_t n = 0;
	for (size_t i = 0; i < p->n; i++)
		if (p->part[i] != without)
			p->rows[n++] = i;
	return n ? basis_make(b, p->code, (size_t)p->codes, p->rows, n, e)
		 : err_set(e, ERR_DATA, "semantic.coarse: too few people to train on");
}

/* Component k's scores of p->rows by their codes, of which b is the basis. */
static int fit(linear *out, const basis *b, const pile *p, int k, double lambda, err *e)
{
	for (size_t i = 0; i < b->n; i++)
		p->value[i] = (double)p->score[p->rows[i] * (size_t)p->scores + (size_t)k];
	return ridge_fit(out, b, p->value, lambda, e);
}

static bool has_part(const pile *p, int part)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->part[i] == part)
			return true;
	return false;
}

/* missed [STRENGTHS][scores], whole [scores]: squares of what the codes of people that were left out do not tell of their scores, and of
 * these. */
static int judge(double *missed, double *whole, const pile *p, err *e)
{
	int code = 0;
	for (int part = 0; part < PARTS && !code; part++) {
		basis b = { 0 };
		if (!has_part(p, part))
			continue; /* nobody is left out */
		code = basis_without(&b, p, part, e);
		for (int j = 0; j < STRENGTHS * p->scores && !code; j++) {
			const int k = j % p->scores, s = j / p->scores;
			linear l = { 0 };
			code = fit(&l, &b, p, k, strength[s], e);
			for (size_t i = 0; i < p->own && !code; i++) {
				const double own = (double)p->score[i * (size_t)p->scores + (size_t)k];
				if (p->part[i] != part)
					continue;
				missed[j] += pow(own - linear_value(&l, &b, p->code + i * (size_t)p->codes), 2);
				whole[k] += s ? 0 : own * own;
			}
			free(l.weight);
		}
		basis_free(&b);
	}
	return code;
}

/* The layer that tells the scores of the prior from codes, by one strength for all of them, and what it leaves of each. */
static int set_scores(const pile *p, sem_train *t, double *missed, double *whole, err *e)
{
	param *weight = params_find(&t->t.state.parts[SEM_NET].weights, PRIOR_SCORES ".weight"),
	      *bias = params_find(&t->t.state.parts[SEM_NET].weights, PRIOR_SCORES ".bias");
	param *left = params_find(&t->t.state.parts[SEM_NET].weights, PRIOR_LEFT);
	basis b = { 0 };
	int best = 0, code = judge(missed, whole, p, e);
	double least = INFINITY;
	for (int s = 0; s < STRENGTHS; s++) {
		double sum = 0;
		for (int k = 0; k < p->scores; k++)
			sum += missed[s * p->scores + k];
		best = sum < least ? s : best;
		least = fmin(sum, least);
	}
	if (!code)
		code = basis_without(&b, p, -1, e);
	for (int k = 0; k < p->scores && !code; k++) {
		linear l = { 0 };
		code = fit(&l, &b, p, k, strength[best], e);
		double offset = l.bias;
		for (int i = 0; i < p->codes && !code; i++) {
			weight->v[k * p->codes + i] = (float)(l.weight[i] / b.std[i]);
			offset -= l.weight[i] / b.std[i] * b.mean[i];
		}
		bias->v[k] = (float)offset;
		left->v[k] = whole[k] > 0 ? (float)fmin(1, missed[best * p->scores + k] / whole[k]) : 1;
		free(l.weight);
	}
	basis_free(&b);
	param_touch(weight);
	param_touch(bias);
	return code;
}

static int learn_scores(const pile *p, sem_train *t, err *e)
{
	const size_t scores = (size_t)p->scores;
	double *missed = NULL;
	int code = mem_zero(&missed, (STRENGTHS + 1) * scores, sizeof *missed, "scores", e);
	if (!code)
		code = set_scores(p, t, missed, missed + STRENGTHS * scores, e);
	free(missed);
	return code;
}

int sem_train_learn(sem_train *t, const dataset *d, err *e)
{
	pile p = { 0 };
	if (!t->t.config.semantic.coarse[0])
		return 0;
	int code = sem_know_prior(t, e);
	if (!code)
		code = pile_new(&p, t, d, e);
	if (!code)
		code = see_all(&p, t, d, e);
	if (!code)
		code = set_components(&p, t, e);
	if (!code && p.scores)
		code = learn_scores(&p, t, e);
	pile_free(&p);
	if (!code)
		code = part_average_anew(&t->t.state.parts[SEM_ENCODER], e);
	if (!code)
		code = part_average_anew(&t->t.state.parts[SEM_NET], e);
	t->known = false; /* the scores that codes tell have changed */
	return code;
}
