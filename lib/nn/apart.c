#include <stdlib.h>
#include <string.h>

#include "nn/graph_private.h"

/* The values that a graph's layers point at, for this step: those whose own time is over do not lie anywhere, although their place may be
 * another's by now. */
static void point(graph *g, int step)
{
	for (layer *l = g->first; l; l = l->next) {
		l->v = step <= l->last || l->is_input ? graph_place(g, l, PLACE_VALUE) : NULL;
		l->g = step <= graph_back_step(g, l) || l->is_input ? graph_place(g, l, PLACE_GRADIENT) : NULL;
		l->kept = graph_place(g, l, PLACE_STATE);
		l->sums = graph_place(g, l, PLACE_SUMS);
	}
}

/* A block as sanitizers like it: of its own size, with nothing in it. */
static void take(graph *g, size_t i)
{
	void *p = NULL;
	if (g->apart[i])
		return;
	if (posix_memalign(&p, MEMORY_ALIGN, g->blocks[i].bytes)) {
		graph_fail(g, ERR_OS, "no memory for a network");
		return;
	}
	g->apart[i] = memset(p, 0xff, g->blocks[i].bytes);
}

static void give(graph *g, size_t i)
{
	free(g->apart[i]);
	g->apart[i] = NULL;
}

void graph_apart_step(graph *g, int step)
{
	for (size_t i = 0; g->apart && i < g->n_blocks; i++) {
		if (g->blocks[i].from <= step && step <= g->blocks[i].to)
			take(g, i);
		else
			give(g, i);
	}
	if (g->apart)
		point(g, step);
}

void graph_apart_pause(graph *g)
{
	for (size_t i = 0; g->apart && i < g->n_blocks; i++)
		if (g->blocks[i].from == 0)
			take(g, i);
	if (g->apart)
		point(g, g->n);
}

int graph_open_apart(graph *g, err *e)
{
	int code = graph_open_lasting(g, e);
	if (code)
		return code;
	if (!(g->apart = calloc(g->n_blocks + 1, sizeof *g->apart)))
		return err_set(e, ERR_OS, "no memory for a network");
	graph_apart_step(g, 0);
	return graph_error(g, e);
}

void graph_apart_free(graph *g)
{
	for (size_t i = 0; g->apart && i < g->n_blocks; i++)
		give(g, i);
	free(g->apart);
	g->apart = NULL;
}
