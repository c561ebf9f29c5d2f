/* A network, described once as a list of layers, from which the rest follows: its parameters, the memory of a run, the way there and the
 * way back.
 *
 * To describe: graph_input, then a function for each kind of layer (conv.h, norm.h, ..), which says shapes and parameters by name; a layer
 * is described behind its inputs. Nothing is computed.
 *
 * To bind: graph_bind gives each parameter of the description the values of that name.
 *
 * To open: graph_settle finds what is left, which algorithm each convolution takes, which values the way back needs, where everything lies
 * in one block of memory (memory.h); graph_bytes and graph_flop then say what a run takes. graph_open takes the memory.
 *
 * To run: graph_write the inputs, graph_forward, graph_read; while training graph_backward. As often as one likes.
 *
 * Errors of a description are sticky: the first is kept, from then on every layer is NULL, and NULL inputs are accepted everywhere. So a
 * network is written without checks, and graph_bind reports what was wrong.
 *
 * Results do not depend on the number of threads: work is cut into blocks by sizes alone, and sums are merged in block order. */
#ifndef NN_GRAPH_H
#define NN_GRAPH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/philox.h"
#include "nn/param.h"
#include "nn/shape.h"
#include "nn/table.h"

typedef struct graph graph;
typedef struct layer layer; /* one value: what the layer makes of its inputs */

enum nn_math {
	NN_EXACT, /* errors as a direct fp32 convolution's: rms 1.5e-6 */
	NN_FAST, /* by matrix instructions 1e-5 in wide convolutions, in two thirds of the time; without them the same as exact */
};

enum graph_use {
	GRAPH_ONCE, /* run once or a few times */
	GRAPH_AGAIN, /* run many times with the same weights: what is made of them for small volumes is kept */
	GRAPH_TRAIN, /* a way back, too; the weights change between runs */
};

/* threads >= 1. NULL without memory. */
graph *graph_new(enum graph_use use, enum nn_math math, int threads);
/* g may be NULL. Its layers go with it. */
void graph_free(graph *g);

/* ---- to describe ---- */

/* Names of layers from now on stand behind "NAME." (a printf format), until graph_leave; one in the other. */
void graph_enter(graph *g, const char *name, ...) __attribute__((format(printf, 2, 3)));
void graph_leave(graph *g);

/* A value that is written before each run. */
layer *graph_input(graph *g, shape s);
/* The gradient at an input is wanted, too: graph_gradient reads it. */
void graph_want_gradient(layer *input);
/* The value of l is to be read after a run. Returns l. */
layer *graph_keep(layer *l);
/* l, one number, is what the way back begins from; it is kept. Returns l. */
layer *graph_minimise(layer *loss);
/* The shape of a layer's value; all 0 for NULL. */
shape graph_shape(const layer *l);

/* ---- to get ready ---- */

/* "NAME" behind the names that are entered: a parameter that belongs to the network though no layer reads it, or one that is named before
 * its layer is described, for its place in the table. */
void graph_parameter(graph *g, param_entry what, const char *name);

/* The parameters that the description names, each once. */
const param_table *graph_parameters(const graph *g);
/* They become *t's, which table_free frees, and the graph has none any more. The first error of the description. */
int graph_take_table(graph *g, param_table *t, err *e);
/* Gives each the values of its name in one of the n sets, which must stay until the graph goes. Those that have gradients and are not
 * frozen are trained, and must be so while graph_backward runs. The first error of the description; ERR_CONFIG: a parameter is missing or
 * has another shape. */
int graph_bind(graph *g, params *const *sets, int n, err *e);
/* Lays out memory: from now on graph_bytes and graph_flop tell what a run takes. ERR_OS. */
int graph_settle(graph *g, err *e);
size_t graph_bytes(const graph *g);
/* Floating-point operations of direct convolutions and products, there and, while training, back; multiply and add count as two. */
double graph_flop(const graph *g);
/* Takes the memory. ERR_OS. */
int graph_open(graph *g, err *e);
/* Gives it back until the next run. */
void graph_release(graph *g);

/* ---- to run ---- */

/* Values from and in the field's order, [b][c][x][y][z]. */
void graph_write(graph *g, layer *input, const float *field);
/* All inputs become 0. */
void graph_clear(graph *g);
void graph_read(const graph *g, const layer *kept, float *field);
/* From now on runs draw what they draw (dropout, stochastic depth) from random(of, USE), each layer from that of its own use; `of` must
 * stay until it is set anew. NULL, as at first: nothing is dropped. */
void graph_random(graph *g, philox (*random)(const void *of, const char *use), const void *of);
/* The value of a kept scalar. */
double graph_value(const layer *kept);
int graph_forward(graph *g, err *e);
/* After graph_forward: from `loss`, one number, with the gradient `seed`: adds to the gradients of all parameters that are trained. */
int graph_backward(graph *g, layer *loss, float seed, err *e);
/* Of an input that wants one, after graph_backward, in the field's order. */
void graph_gradient(const graph *g, const layer *input, float *field);

#endif
