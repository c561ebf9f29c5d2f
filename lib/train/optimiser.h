/* The optimiser's state and step, and the clipping of gradients. */
#ifndef TRAIN_OPTIMISER_H
#define TRAIN_OPTIMISER_H

#include <stdint.h>

#include "base/err.h"
#include "nn/param.h"

enum optimiser_rule {
	RULE_ADAM,	/* adam.h */
	RULE_MUON,	/* muon.h for matrices and kernels, Adam for vectors */
};

typedef struct optimiser {
	enum optimiser_rule rule;
	double vectors;		/* RULE_MUON: the vectors' rate as a share of the matrices' */
	int64_t step;		/* steps made */
	size_t n;		/* parameters */
	float **m, **v;		/* momentum and, for Adam, second moment of each parameter that has a gradient; else NULL */
} optimiser;

/* All zero. Free with optimiser_free, also when it fails. ERR_OS. */
int optimiser_init(optimiser *o, enum optimiser_rule rule, double vectors, const params *ps, err *e);
void optimiser_free(optimiser *o);
/* Moments that are kept for each number of a parameter that has a gradient: 1 or 2. */
int optimiser_moments(enum optimiser_rule rule, const param *p);

/* One step, in place, on gradients times `scale`. No parameter may be mapped. The same bits for any number of threads. ERR_OS. */
int optimiser_step(optimiser *o, params *ps, double lr, double scale, err *e);

/* 2-norm of all gradients together, summed in double, in an order that does not depend on the number of threads. */
double gradient_norm(const params *ps);
/* The factor that brings a norm down to `limit` (1 when it is smaller; limit 0: no clipping). PyTorch's divisor: norm + 1e-6. */
double clip_factor(double norm, double limit);

#endif
