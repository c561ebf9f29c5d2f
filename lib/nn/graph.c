#include "nn/graph.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nn/graph_private.h"
#include "nn/matmul.h"

graph *graph_new(enum graph_use use, enum nn_math math, int threads)
{
	graph *g = calloc(1, sizeof *g);
	if (g)
		*g = (graph){ .use = use, .math = math, .threads = threads };
	return g;
}

void graph_free(graph *g)
{
	if (!g)
		return;
	graph_give_memory(g);
	graph_apart_free(g);
	free(g->blocks);
	for (layer *l = g->first, *next; l; l = next) {
		next = l->next;
		free(l->lasts);
		free(l);
	}
	table_free(&g->table);
	free(g);
}

/* ---- errors ---- */

bool graph_ok(const graph *g) { return !g->error.code; }

void *graph_fail(graph *g, int code, const char *fmt, ...)
{
	char text[sizeof g->error.text];
	va_list ap;
	if (!graph_ok(g))
		return NULL;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	err_set(&g->error, code, "%s", text);
	return NULL;
}

int graph_error(graph *g, err *e)
{
	const int code = g->error.code;
	if (code)
		*e = g->error;
	g->error.code = 0;
	return code;
}

/* ---- description ---- */

layer *layer_add(graph *g, const layer_kind *kind, shape s, int n, layer *const *in)
{
	if (!graph_ok(g) || (n && !in[0]))
		return NULL;
	if (!shape_is_sane(s))
		return graph_fail(g, ERR_DATA, "%s: an impossible shape, %dx%dx%dx%dx%d", kind->name, s.b, s.c, s.x, s.y, s.z);
	layer *l = calloc(1, kind->size);
	if (!l)
		return graph_fail(g, ERR_OS, "no memory for a network");
	*l = (layer){ .kind = kind, .s = s, .over = -1, .hands = -1, .step = g->n++ };
	layer_use(g, l->name, "");
	for (int i = 0; i < n; i++)
		l->in[i] = in[i];
	*(g->last ? &g->last->next : &g->first) = l;
	return g->last = l;
}

void graph_enter(graph *g, const char *name, ...)
{
	const size_t at = strlen(g->scope), room = sizeof g->scope - at;
	va_list ap;
	va_start(ap, name);
	const int n = vsnprintf(g->scope + at, room, name, ap);
	va_end(ap);
	if (n < 0 || (size_t)n + 1 >= room || g->scopes == SCOPES) {
		graph_fail(g, ERR_BUG, "%.100s: names of layers lie too deep", g->scope);
		g->scope[at] = 0;
		return;
	}
	g->scope_end[g->scopes++] = at;
	strcpy(g->scope + at + n, ".");
}

void graph_leave(graph *g)
{
	if (graph_ok(g) || g->scopes)
		g->scope[g->scope_end[--g->scopes]] = 0;
}

/* "AT.LEAF" behind the names that are entered. */
static bool name_it(graph *g, char name[LAYER_NAME], const char *at, const char *leaf)
{
	const int length = snprintf(name, LAYER_NAME, "%s%s%s%s", g->scope, at, *at && *leaf ? "." : "", leaf);
	if (length < 0 || length >= LAYER_NAME)
		graph_fail(g, ERR_BUG, "%.100s..: too long a name", at);
	return graph_ok(g);
}

void layer_use(graph *g, char name[LAYER_NAME], const char *use)
{
	const size_t scope = strlen(g->scope);
	if (name_it(g, name, use, "") && !*use && scope)
		name[scope - 1] = 0;
}

void layer_param(graph *g, layer *l, int i, param_entry what, const char *at, const char *leaf)
{
	size_t number;
	if (graph_ok(g) && name_it(g, what.name, at, leaf))
		table_add(&g->table, &what, l ? &l->parameter[i] : &number, &g->error);
}

void graph_parameter(graph *g, param_entry what, const char *name) { layer_param(g, NULL, 0, what, name, ""); }

static const layer_kind input = { .name = "input", .size = sizeof(layer) };

layer *graph_input(graph *g, shape s)
{
	layer *l = layer_add(g, &input, s, 0, NULL);
	if (l)
		l->is_input = true;
	return l;
}

void graph_want_gradient(layer *of)
{
	if (of)
		of->needs_grad = true;
}

layer *graph_keep(layer *l)
{
	if (l)
		l->is_kept = true;
	return l;
}

layer *graph_minimise(layer *loss)
{
	if (loss)
		loss->is_loss = loss->is_kept = true;
	return loss;
}

void layer_want_sums(layer *l)
{
	if (l && !l->is_input)
		l->wants_sums = true;
}

shape graph_shape(const layer *l) { return l ? l->s : (shape){ 0 }; }

const param_table *graph_parameters(const graph *g) { return &g->table; }

int graph_take_table(graph *g, param_table *t, err *e)
{
	const int code = graph_error(g, e);
	if (!code) {
		*t = g->table;
		g->table = (param_table){ 0 };
	}
	return code;
}

enum graph_use graph_use(const graph *g) { return g->use; }
enum nn_math graph_math(const graph *g) { return g->math; }
int graph_threads(const graph *g) { return g->threads; }

/* ---- parameters ---- */

/* The parameter of this entry, in whichever set has its name. */
static int find_in(params *const *sets, int n, const param_entry *x, param **found, err *e)
{
	int i = 0;
	while (i + 1 < n && !params_find(sets[i], x->name))
		i++;
	return params_expect(sets[i], x->name, x->rank, x->n, found, e);
}

int graph_bind(graph *g, params *const *sets, int n, err *e)
{
	param **found = NULL;
	int code = graph_error(g, e);
	if (!code)
		code = mem_zero(&found, g->table.n, sizeof *found, "parameters", e);
	for (size_t i = 0; i < g->table.n && !code; i++)
		code = find_in(sets, n, &g->table.t[i], &found[i], e);
	for (layer *l = g->first; l && !code; l = l->next)
		for (int i = 0; i < LAYER_PARAMS; i++)
			l->p[i] = l->parameter[i] ? found[l->parameter[i] - 1] : NULL;
	free(found);
	return code;
}

/* ---- runs ---- */

bool layer_is_fresh(const layer *l, int i) { return l->fresh[i]; }

float *layer_gradient(const layer *l, int i) { return l->in[i] && l->in[i]->needs_grad ? l->in[i]->g : NULL; }

bool layer_trains(const layer *l, int i) { return l->p[i] && l->p[i]->g && !l->p[i]->frozen; }

void layer_pass_gradient(const graph *g, const layer *l, int i)
{
	float *d = layer_gradient(l, i);
	const bool fresh = layer_is_fresh(l, i);
	if (!d || d == l->g)
		return;
#pragma omp parallel for num_threads(g->threads)
	for (size_t k = 0; k < shape_count(l->s); k++)
		d[k] = fresh ? l->g[k] : d[k] + l->g[k];
}

void graph_random(graph *g, philox (*random)(const void *of, const char *use), const void *of)
{
	g->random = random;
	g->random_of = of;
}

bool layer_draws(const graph *g) { return g->random != NULL; }

philox layer_random(const graph *g, const char *use, random_number **number)
{
	*number = g->number;
	return g->random(g->random_of, use);
}

void graph_write(graph *g, layer *l, const float *field)
{
	const shape s = l->s;
	const size_t voxels = shape_voxels(s), ch = (size_t)s.c;
	for (size_t b = 0; b < (size_t)s.b; b++)
#pragma omp parallel for num_threads(g->threads)
		for (size_t i = 0; i < voxels; i++)
			for (size_t k = 0; k < ch; k++)
				l->v[(b * voxels + i) * ch + k] = field[(b * ch + k) * voxels + i];
}

void graph_clear(graph *g)
{
	for (layer *l = g->first; l; l = l->next)
		if (l->is_input)
			memset(l->v, 0, shape_count(l->s) * sizeof *l->v);
}

static void to_field(const graph *g, shape s, const float *v, float *field)
{
	const size_t voxels = shape_voxels(s), ch = (size_t)s.c;
	for (size_t b = 0; b < (size_t)s.b; b++)
#pragma omp parallel for num_threads(g->threads)
		for (size_t i = 0; i < voxels; i++)
			for (size_t k = 0; k < ch; k++)
				field[(b * ch + k) * voxels + i] = v[(b * voxels + i) * ch + k];
}

void graph_read(const graph *g, const layer *l, float *field) { to_field(g, l->s, l->v, field); }

void graph_gradient(const graph *g, const layer *l, float *field) { to_field(g, l->s, l->g, field); }

double graph_value(const layer *kept) { return kept && kept->v ? (double)kept->v[0] : NAN; }

/* Weights that are about to be read for the first time: what lies in a large mapped file is looked at now, and not at the start. */
static void look_at_weights(graph *g, const layer *l)
{
	for (int i = 0; i < LAYER_PARAMS && graph_ok(g); i++)
		if (l->p[i])
			param_check(l->p[i], g->threads, &g->error);
}

int graph_forward(graph *g, err *e)
{
	for (layer *l = g->first; l && graph_ok(g); l = l->next) {
		look_at_weights(g, l);
		if (!graph_ok(g))
			break;
		graph_apart_step(g, l->step);
		graph_set_work(g, l, PLACE_WORK);
		if (l->kind->forward)
			l->kind->forward(g, l);
	}
	graph_apart_pause(g);
	return graph_error(g, e);
}

static void back(graph *g, layer *const *order)
{
	for (int i = g->n - 1; i >= 0 && graph_ok(g); i--) {
		layer *l = order[i];
		graph_apart_step(g, graph_back_step(g, l));
		graph_set_work(g, l, PLACE_WORK_BACK);
		if (l->needs_grad && l->kind->backward)
			l->kind->backward(g, l);
	}
}

int graph_backward(graph *g, layer *loss, float seed, err *e)
{
	layer **order = NULL;
	int n = 0, code = mem_zero(&order, (size_t)g->n, sizeof *order, "network", e);
	if (code)
		return code;
	graph_apart_step(g, g->n);
	for (layer *l = g->first; l; l = l->next) {
		order[n++] = l;
		if (l->is_loss && l->needs_grad)
			l->g[0] = l == loss ? seed : 0;
	}
	if (loss->needs_grad)
		back(g, order);
	graph_apart_pause(g);
	free(order);
	return graph_error(g, e);
}
