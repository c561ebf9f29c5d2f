#include "nn/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nn/graph_private.h"

/* The text that a and b begin with, in a. */
static void common_beginning(char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	*a = 0;
}

/* Up to the last point of what all its parameters' names begin with. */
static void name_of(char name[REPORT_NAME], const graph *g, const layer *l)
{
	bool named = false;
	strcpy(name, l->name);
	for (int i = 0; i < LAYER_PARAMS; i++) {
		const char *other = l->parameter[i] ? g->table.t[l->parameter[i] - 1].name : NULL;
		if (other && named)
			common_beginning(name, other);
		else if (other)
			strcpy(name, other);
		named |= other != NULL;
	}
	if (named) {
		char *point = strrchr(name, '.');
		*(point ? point : name) = 0;
	}
}

static size_t numbers_in(const param_entry *x)
{
	size_t n = 1;
	for (int i = 0; i < x->rank; i++)
		n *= (size_t)x->n[i];
	return n;
}

/* Of parameters that are not marked in `seen` yet. */
static size_t parameters_of(const graph *g, const layer *l, bool *seen)
{
	size_t n = 0;
	for (int i = 0; i < LAYER_PARAMS; i++) {
		const size_t number = l->parameter[i];
		if (!number || seen[number - 1])
			continue;
		seen[number - 1] = true;
		n += numbers_in(&g->table.t[number - 1]);
	}
	return n;
}

static size_t block_bytes(const graph *g, const layer *l, int place) { return l->place[place] ? g->blocks[l->place[place] - 1].bytes : 0; }

static layer_report report_of(const graph *g, const layer *l, bool *seen)
{
	layer_report r = { .kind = l->kind->name,
			   .algorithm = l->kind->algorithm ? l->kind->algorithm(l) : NULL,
			   .out = l->s,
			   .parameters = parameters_of(g, l, seen),
			   .flop = graph_layer_flop(l),
			   .bytes = shape_count(l->s) * sizeof(float) + l->lasting };
	const size_t there = block_bytes(g, l, PLACE_WORK), back = block_bytes(g, l, PLACE_WORK_BACK);
	r.bytes += there > back ? there : back;
	name_of(r.name, g, l);
	return r;
}

int graph_report(const graph *g, report *r, err *e)
{
	bool *seen = NULL;
	*r = (report){ .flop = graph_flop(g), .bytes = graph_bytes(g) };
	int code = mem_zero(&r->layers, (size_t)g->n, sizeof *r->layers, "report", e);
	if (!code)
		code = mem_zero(&seen, g->table.n, sizeof *seen, "report", e);
	for (const layer *l = g->first; l && !code; l = l->next) {
		r->layers[r->n] = report_of(g, l, seen);
		r->parameters += r->layers[r->n++].parameters;
	}
	free(seen);
	return code;
}

void report_free(report *r)
{
	free(r->layers);
	*r = (report){ 0 };
}
