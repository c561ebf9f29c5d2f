/* The semantic encoder as tools use it: opened by name, between arrays in a stream's order. */
#ifndef MODEL_ENCODER_H
#define MODEL_ENCODER_H

#include "base/err.h"
#include "model/network.h"

typedef struct encoder {
	network net; /* it keeps its memory from one scan to the next */
	int n[3]; /* voxels of one scan on the grid given last */
	int y; /* numbers in a code */
	layer *in, *out; /* of net.g; NULL: not described for this grid: private */
} encoder;

/* Opens the semantic encoder of a model (model_find; NULL: the default); doubled names of the authors' state dict are accepted
 * (semantic_names). Errors as network_open. Close with encoder_close also when it fails. Until encoder_shape the grid is that of the
 * configuration's volume. */
int encoder_open(encoder *k, const char *model, enum nn_math math, int threads, err *e);
/* Another grid. ERR_CONFIG when the network cannot take it: too many slices, or too small ones. */
int encoder_shape(encoder *k, const int n[3], err *e);
void encoder_close(encoder *k);

/* Voxels x [X,Y,Z] -> code y [k->y]. */
int encoder_code(encoder *k, float *y, const float *x, err *e);

/* What encoder_code will take. Seconds are measured on an eighth of the slices. */
int encoder_plan(model_cost *out, const encoder *k, err *e);
/* Layer by layer. Freed with report_free, also when it fails. */
int encoder_report(report *out, const encoder *k, err *e);

#endif
