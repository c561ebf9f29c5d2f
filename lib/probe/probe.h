/* Linear probes: one number from a code, linearly. f(y) = w . (y - m) / s + b, with m and s the mean and standard deviation (divisor N;
 * 1 where a feature is constant) of the codes the probe was fitted on. Regression: f is the value. Classification: 1 / (1 + exp(-f)) is
 * the probability of the positive class. So w points to the higher value, or to the class that is named.
 *
 * A probe is a safetensors file: weight [P], bias [1], mean [P], std [P], all F64, and metadata: kind "probe", task, target, positive and
 * negative (a JSON list), least and most, tensor, encoder_kind, encoder and encoder_conventions, objective and strength, records, subjects
 * (below), identity. */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sha.h"

enum probe_task { PROBE_CLASSIFY, PROBE_REGRESS };

typedef struct probe {
	enum probe_task task; /* metadata "task": "classification", "regression" */
	char *target; /* name of the labels' column */
	char *positive; /* classification: the value that is the positive class, else NULL */
	json_t *negative; /* classification: list of the other values it was fitted on, else NULL */
	double least, most; /* regression: of the values it was fitted on; NAN in a probe that does not say, and of a classification */
	char *tensor; /* the tensor of a record that is the code: "y" */
	char *encoder_kind; /* what made the codes, "semantic", and its identity; both NULL when the codes had none */
	char encoder[SHA_TEXT]; /* "" when the codes had none */
	json_t *conventions; /* the encoder's (format/maker.h), NULL when the codes did not tell */
	double strength; /* C of logistic regression, lambda of ridge regression */
	bool balanced; /* records were weighted so that both classes count the same */
	int64_t records, subjects; /* it was fitted on */
	size_t n; /* P, at least 1 */
	double bias;
	double *weight, *mean, *std; /* [P] each; std > 0 */
	char identity[SHA_TEXT]; /* of the file, when it was read from one */
} probe;

/* Reads a probe. ERR_NOINPUT: cannot be opened; ERR_CONFIG: no probe, or one with impossible numbers. Freed with probe_free. */
int probe_read(probe *p, const char *path, err *e);
/* Writes one to path, which appears whole or not at all. Errors as st_write. */
int probe_write(const char *path, bool force, const probe *p, err *e);
/* Frees what p holds, not p itself. Needed also when probe_read failed. */
void probe_free(probe *p);

/* f(y) of one code y [P]. */
double probe_value(const probe *p, const float *y);
/* 1 / (1 + exp(-f)), without overflow. */
double probe_logistic(double f);
/* f in the target's unit: of a regression the value itself, of a classification the probability of the positive class. */
double probe_reading(enum probe_task task, double f);

#endif
