/* nn: a computation on tensors. Define-by-run: the same forward function serves inference (memory is reused as soon as the
 * last reader has dropped a tensor), training (a tape keeps what the backward pass needs) and planning (shapes and sizes only).
 *
 * Errors are sticky: the first one is kept in the context, from then on every operator returns NULL, and NULL inputs are
 * accepted everywhere. So a network is written without checks, and whoever runs it asks nn_error once at the end.
 *
 * Results do not depend on the number of threads: work is cut into blocks by sizes alone, and sums are merged in block order. */
#ifndef NN_NN_H
#define NN_NN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* b volumes of x*y*z voxels with c channels each; channel-last in memory: element ((((b*X + x)*Y + y)*Z + z)*C + c). */
typedef struct shape {
	int b, x, y, z, c;
} shape;

typedef struct nn nn;

typedef struct tensor {
	shape s;
	float *v;		/* values; NULL while planning */
	float *g;		/* gradient, as v; NULL until the backward pass reaches it */
	bool needs_grad;	/* the backward pass shall reach it */
	int refs;
	size_t room;		/* elements that v's memory has: more than the shape's when a larger tensor left it behind */
	double *sums;		/* [b][2c]: of each channel and of its squares, taken while v was stored; NULL: not known */
} tensor;

enum nn_math {
	NN_EXACT,	/* errors as a direct fp32 convolution's: rms 1.5e-6 */
	NN_FAST,	/* by matrix instructions 1e-5 in wide convolutions, in two thirds of the time; without them the same as exact */
};

enum nn_mode {
	NN_INFER,	/* no tape */
	NN_TRAIN,	/* a tape, until nn_backward or nn_forget */
	NN_PLAN,	/* no memory, no work: nn_peak and nn_flop tell what the same calls would need */
};

/* threads >= 1. NULL only without memory for the context itself. */
nn *nn_new(enum nn_mode mode, enum nn_math math, int threads);
/* Frees the context, its tape and what that alone holds. Tensors that the caller has are dropped before. c may be NULL. */
void nn_free(nn *c);

enum nn_math nn_math(const nn *c);
bool nn_planning(const nn *c);
bool nn_training(const nn *c);
int nn_threads(const nn *c);
/* Switches the tape off and on within a training context (validation, the discriminator's input); in a planning context, where it is
 * off at first, on: to plan training. */
void nn_record(nn *c, bool on);

/* Gives memory that is kept for later calls back to the system, where other contexts have their turn. */
void nn_rest(nn *c);

/* Will the same weights serve many calls? Then what is made of them for small volumes is kept. No, at first. */
void nn_reuse_weights(nn *c, bool on);
bool nn_reuses_weights(const nn *c);

/* The first error since the last call, 0 if none; clears it. */
int nn_error(nn *c, err *e);
/* Notes an error (the first one stays) and returns NULL, for operators. */
void *nn_fail(nn *c, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

size_t shape_count(shape s);
bool shape_equal(shape a, shape b);

/* A new tensor of unset values, one reference owned by the caller. */
tensor *nn_tensor(nn *c, shape s);
/* The same from n floats in the field's order [b][c][x][y][z]; NULL data while planning. */
tensor *nn_from_field(nn *c, shape s, const float *data);
/* Copies t into the field's order [b][c][x][y][z]. Nothing happens while planning or when t is NULL. */
void nn_to_field(const nn *c, const tensor *t, float *data);
tensor *nn_keep(tensor *t);
/* Gives up a reference; the last one frees the memory for reuse. t may be NULL. */
void nn_drop(nn *c, tensor *t);
/* The same values cut off from the tape. Takes over the caller's reference. */
tensor *nn_detach(nn *c, tensor *t);

/* Goes back over the tape from `loss` (one element, gradient `seed`), adds to the g of every parameter and of every input with
 * needs_grad, and clears the tape. */
void nn_backward(nn *c, tensor *loss, float seed);
/* Clears the tape. */
void nn_forget(nn *c);

/* Bytes of tensors and work space: the largest amount held at once so far; and floating-point operations of direct
 * convolutions and products so far (multiply and add count as two). */
size_t nn_peak(const nn *c);
double nn_flop(const nn *c);

#endif
