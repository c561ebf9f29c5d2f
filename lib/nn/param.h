/* Named weights, in the field's own layout: conv [out,in,k,k,k], linear [out,in], vectors [n]; row-major float32. */
#ifndef NN_PARAM_H
#define NN_PARAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct param {
	char *name;	/* as in the authors' state dict */
	int rank;
	int64_t n[5];
	size_t count;	/* product of n */
	float *v;	/* values; read-only when they lie in a mapped file (`mapped`) */
	const uint16_t *half;	/* in place of v, which is NULL: values of 16 bits (F16) in a mapped file; convolutions alone read them */
	float *g;	/* gradient, count floats; NULL unless this parameter is being trained */
	bool mapped;	/* v belongs to a mapped file, not to this set */
	bool frozen;	/* no gradient is taken for the moment, although g is there */
	bool counter;	/* an integer entry (num_batches_tracked), kept as a float here */
	bool finite;	/* params of files: param_check has seen that every value is a finite number */
	uint64_t version; /* counted up by param_touch: layouts that kernels have made of the values are made anew */
} param;

typedef struct params {
	param *p;	/* in the order of the file or of the configuration */
	size_t n, cap;
} params;

/* The parameter called `name`; NULL when there is none. */
param *params_find(const params *ps, const char *name);
/* Appends a zero-filled parameter (rank <= 5; duplicates are ERR_CONFIG); *out (may be NULL) is valid until the next add. */
int params_add(params *ps, const char *name, int rank, const int64_t *n, param **out, err *e);
/* Copies mapped values into memory of the set's own, so that they may be changed. */
int params_own(params *ps, err *e);
/* Gives every floating parameter that is not frozen a zeroed gradient, unless it has one. */
int params_with_gradients(params *ps, err *e);
/* Stops (or lets go on) the taking of gradients: a network that only hands gradients through. */
void params_freeze(params *ps, bool frozen);
/* Sets all gradients to zero. */
void params_zero_gradients(params *ps);
/* Are all values finite numbers? Looks once. ERR_CONFIG "NAME: element N is nan, no finite number". */
int param_check(param *p, int threads, err *e);
/* The values of p were changed: the kernels' own layouts of them (packed_weights.h) are stale. */
void param_touch(param *p);
/* Takes parameter i out of the set; those behind it move up. */
void params_remove(params *ps, size_t i);
/* Frees everything the set owns (not mapped files); leaves it empty. */
void params_free(params *ps);

/* "64x1x3x3x3" in buf, which is returned; of at most 8 axes. */
enum { SHAPE_TEXT = 21 * 8 };
const char *shape_text(int rank, const int64_t *n, char buf[SHAPE_TEXT]);

/* Finds a parameter and checks its shape. ERR_CONFIG names it. */
int params_expect(const params *ps, const char *name, int rank, const int64_t *n, param **out, err *e);

#endif
