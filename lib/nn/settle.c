/* What a described network needs, and where it lies.
 *
 * Time is counted in steps: layer k works at step k on the way there, and at step 2n-1-k on the way back. A value lives from its layer's
 * step to the last that reads it, there or back; a gradient from the first step that adds to it to its own layer's step back; work space
 * for one step. memory_lay_out then gives each its place in one stretch of memory. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "nn/graph_private.h"
#include "nn/matmul.h"

enum { HUGE_PAGE = 2 << 20 };
/* Larger ones are passed over a few times in the life of a process, and huge pages save them little; where a virtual machine's host has
 * taken back what was free, they cost a second for each GB when they are first touched, five times as much as small pages. */
enum { LARGE = 128 << 20 };

typedef struct settling {
	graph *g;
	int n;
	layer **order;
} settling;

static bool training(const graph *g) { return g->use == GRAPH_TRAIN; }

int graph_back_step(const graph *g, const layer *l) { return 2 * g->n - 1 - l->step; }

static int back_step(const settling *s, const layer *l) { return graph_back_step(s->g, l); }

/* ---- who needs a gradient ---- */

/* On the way there: does anything that is trained, or asked for, lie before it? */
static bool wants(const layer *l)
{
	bool any = l->needs_grad; /* an input's, asked for */
	for (int i = 0; i < LAYER_PARAMS; i++)
		any |= layer_trains(l, i);
	for (int i = 0; i < LAYER_INPUTS; i++)
		any |= l->in[i] && !l->constant[i] && l->in[i]->needs_grad;
	return any && (l->is_input || l->kind->backward);
}

/* Then on the way back: does a loss reach it? And which input is the first to get each gradient? */
static void find_gradients(settling *s)
{
	bool *reached = calloc((size_t)s->n, sizeof *reached);
	if (!reached) {
		graph_fail(s->g, ERR_OS, "no memory for a network");
		return;
	}
	for (int k = 0; k < s->n; k++)
		s->order[k]->needs_grad = training(s->g) && wants(s->order[k]);
	for (int k = s->n - 1; k >= 0; k--) {
		layer *l = s->order[k];
		l->needs_grad = l->needs_grad && (reached[k] || l->is_loss);
		for (int i = 0; i < LAYER_INPUTS; i++) {
			layer *x = l->needs_grad && !l->constant[i] ? l->in[i] : NULL;
			l->fresh[i] = x && x->needs_grad && !x->is_loss && !reached[x->step];
			if (x)
				reached[x->step] = true;
		}
	}
	free(reached);
}

/* ---- how long everything lives ---- */

static void later(int *step, int than)
{
	if (*step < than)
		*step = than;
}

static void find_last_readers(settling *s)
{
	for (int k = 0; k < s->n; k++) {
		layer *l = s->order[k];
		l->last = l->is_kept ? 2 * s->n : k;
		for (int i = 0; i < LAYER_INPUTS; i++) {
			if (!l->in[i])
				continue;
			later(&l->in[i]->last, k);
			if (l->needs_grad && l->reads_in[i])
				later(&l->in[i]->last, back_step(s, l));
		}
	}
}

static size_t put_block(settling *s, size_t bytes, int from, int to)
{
	if (!bytes)
		return 0;
	s->g->blocks[s->g->n_blocks++] = (memory_block){ .bytes = bytes, .from = from, .to = to };
	return s->g->n_blocks;
}

/* An input that stands once among l's. */
static bool stands_once(const layer *l, int i)
{
	for (int k = 0; k < LAYER_INPUTS; k++)
		if (k != i && l->in[k] == l->in[i])
			return false;
	return true;
}

static size_t value_bytes(const layer *l) { return shape_count(l->s) * sizeof(float); }

/* A value takes the place of an input's that nobody reads any more, or one of its own. */
static void place_value(settling *s, layer *l)
{
	const layer *x = l->over >= 0 ? l->in[l->over] : NULL;
	if (!x || x->is_input || x->last != l->step || !stands_once(l, l->over)) {
		l->place[PLACE_VALUE] = put_block(s, value_bytes(l), l->is_input ? 0 : l->step, l->last);
		return;
	}
	memory_block *b = &s->g->blocks[x->place[PLACE_VALUE] - 1];
	l->place[PLACE_VALUE] = x->place[PLACE_VALUE];
	later(&b->to, l->last);
	if (b->bytes < value_bytes(l))
		b->bytes = value_bytes(l);
}

/* The gradients of l's inputs begin to be there with the first step that adds to them: l's, where they are fresh. */
static void place_gradients(settling *s, layer *l)
{
	if (l->is_loss && l->needs_grad)
		l->place[PLACE_GRADIENT] = put_block(s, value_bytes(l), s->n, back_step(s, l)); /* set before the first step back */
	for (int i = 0; i < LAYER_INPUTS; i++) {
		layer *x = l->in[i];
		if (!l->fresh[i])
			continue;
		const int end = x->is_input ? 2 * s->n : back_step(s, x);
		if (i == l->hands && stands_once(l, i)) {
			x->place[PLACE_GRADIENT] = l->place[PLACE_GRADIENT];
			later(&s->g->blocks[l->place[PLACE_GRADIENT] - 1].to, end);
		} else {
			x->place[PLACE_GRADIENT] = put_block(s, value_bytes(x), back_step(s, l), end);
		}
	}
}

static void place_work_and_state(settling *s, layer *l)
{
	const int back = l->needs_grad ? back_step(s, l) : l->step;
	l->place[PLACE_WORK] = put_block(s, l->work * sizeof(float), l->step, l->step);
	l->place[PLACE_WORK_BACK] = l->needs_grad ? put_block(s, l->work_back * sizeof(float), back, back) : 0;
	l->place[PLACE_STATE] = put_block(s, l->state, l->step, back);
	if (l->wants_sums && l->kind->takes_sums)
		l->place[PLACE_SUMS] = put_block(s, (size_t)l->s.b * 2 * (size_t)l->s.c * sizeof(double), l->step, l->last);
}

/* ---- all together ---- */

/* The gradients of input and weights are twice the products of the way there. */
double graph_layer_flop(const layer *l) { return l->flop * (l->needs_grad ? 3 : 1); }

static int begin(settling *s, graph *g, err *e)
{
	int k = 0, code = mem_zero(&s->order, (size_t)g->n, sizeof *s->order, "network", e);
	*s = (settling){ .g = g, .n = g->n, .order = s->order };
	free(g->blocks);
	g->blocks = NULL;
	g->n_blocks = 0;
	g->flop = 0;
	g->lasting = 0;
	if (!code)
		code = mem_zero(&g->blocks, (size_t)g->n * LAYER_PLACES, sizeof *g->blocks, "network", e);
	for (layer *l = g->first; l && !code; l = l->next) {
		s->order[k++] = l;
		memset(l->place, 0, sizeof l->place);
	}
	return code;
}

int graph_settle(graph *g, err *e)
{
	settling s = { 0 };
	int code = begin(&s, g, e);
	if (!code)
		find_gradients(&s);
	for (int k = 0; k < s.n && !code && graph_ok(g); k++) {
		layer *l = s.order[k];
		if (l->kind->settle)
			l->kind->settle(g, l);
		g->flop += graph_layer_flop(l);
		g->lasting += l->lasting;
	}
	if (!code)
		code = graph_error(g, e);
	if (!code)
		find_last_readers(&s);
	for (int k = 0; k < s.n && !code; k++) {
		place_value(&s, s.order[k]);
		place_work_and_state(&s, s.order[k]);
	}
	for (int k = s.n - 1; k >= 0 && !code; k--)
		place_gradients(&s, s.order[k]);
	if (!code)
		code = memory_lay_out(g->blocks, g->n_blocks, &g->bytes, e);
	free(s.order);
	return code;
}

size_t graph_bytes(const graph *g) { return g->bytes + g->lasting; }

double graph_flop(const graph *g) { return g->flop; }

/* ---- memory ---- */

void *graph_place(const graph *g, const layer *l, int what)
{
	if (!l->place[what])
		return NULL;
	return g->apart ? g->apart[l->place[what] - 1] : g->memory + g->blocks[l->place[what] - 1].at;
}

int graph_open_lasting(graph *g, err *e)
{
	/* Large blocks come from the system and go back to it: glibc would learn from those given back to take the next from its heap,
	 * which keeps them. */
	mallopt(M_MMAP_THRESHOLD, HUGE_PAGE);
	int code = matmul_open(g->threads, e);
	for (layer *l = g->first; l && !code; l = l->next)
		if (l->lasting)
			code = mem_zero(&l->lasts, l->lasting, 1, l->kind->name, e);
	return code;
}

int graph_open(graph *g, err *e)
{
	int code = graph_open_lasting(g, e);
	const size_t bytes = (g->bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	if (!code && !(g->memory = aligned_alloc(HUGE_PAGE, bytes)))
		code = err_set(e, ERR_OS, "no memory for %.0f MB of activations", (double)bytes / 1e6);
	if (!code && bytes <= LARGE)
		madvise(g->memory, bytes, MADV_HUGEPAGE);
	for (layer *l = g->first; l && !code; l = l->next) {
		l->v = graph_place(g, l, PLACE_VALUE);
		l->g = graph_place(g, l, PLACE_GRADIENT);
		l->kept = graph_place(g, l, PLACE_STATE);
		l->sums = graph_place(g, l, PLACE_SUMS);
	}
	return code;
}

void graph_set_work(graph *g, const layer *l, int what) { g->work = graph_place(g, l, what); }

float *graph_work(const graph *g) { return g->work; }

void graph_give_memory(graph *g)
{
	free(g->memory);
	g->memory = NULL;
}

void graph_release(graph *g)
{
	if (g->memory)
		madvise(g->memory, (g->bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE, MADV_DONTNEED);
}
