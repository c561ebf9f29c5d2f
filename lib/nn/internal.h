/* For operators: memory, tape nodes, counting. Not for users of nn. */
#ifndef NN_INTERNAL_H
#define NN_INTERNAL_H

#include "nn/nn.h"

bool nn_recording(const nn *c);
/* Memory of n floats from the pool, 64-byte aligned, unset; NULL while planning (size is counted) or after nn_fail. */
float *nn_take(nn *c, size_t n);
/* Gives it back; n as taken. p may be NULL. */
void nn_give(nn *c, float *p, size_t n);
/* Work space of n floats, as nn_take, until the next call: one block for all operators, as large as any of them wanted. */
float *nn_work(nn *c, size_t n);
/* True when the calls before left no error: planning or real memory. */
bool nn_ok(const nn *c);
void nn_count_flop(nn *c, double flop);
/* Memory that stays for the life of the process, beside the pool's. */
void nn_count_packed(nn *c, size_t bytes);

/* t->sums for who is about to store t's values, zeroed; NULL without memory for them: whoever needs sums reads the values then. */
double *nn_new_sums(const nn *c, tensor *t);
void nn_forget_sums(tensor *t);
/* nn_keep for who is about to write over t's values: their sums are forgotten. */
tensor *nn_keep_memory(tensor *t);

/* t->g, zeroed when new. NULL when t needs none or after an error. */
float *nn_gradient(nn *c, tensor *t);
/* The same when the caller is going to write every element: *fresh tells whether to store (true) or to add (false). */
float *nn_gradient_raw(nn *c, tensor *t, bool *fresh);

/* Makes g, from nn_take and as large as t, the gradient of t if it needs one and has none. False: g is still the caller's. */
bool nn_gradient_take(nn *c, tensor *t, float *g);

enum { NODE_INPUTS = 6 };
typedef struct node node;
struct node {
	/* Reads n->out->g, adds to the gradients of inputs and parameters. While planning it asks for the same memory and does nothing
	 * with it: gradients are there (not NULL) but may not be touched. */
	void (*backward)(nn *c, node *n);
	tensor *out, *in[NODE_INPUTS];		/* kept until the node is gone; unused ones NULL */
	void *owned;				/* freed with free() when the node goes, or NULL */
	node *before;
};

/* Records an operator if the context is recording and an input (or `has_param`) wants a gradient: a zeroed node of `size` bytes
 * (>= sizeof(node); operators put their own struct around it), holding references to out and in. out->needs_grad is set.
 * NULL when nothing is to be recorded. */
void *nn_push(nn *c, size_t size, void (*backward)(nn *, node *), tensor *out, int inputs, tensor *const *in, bool has_param);
/* The backward of an operator that adds a constant to its only input: the gradient passes through. */
void nn_pass_gradient(nn *c, node *n);

#endif
