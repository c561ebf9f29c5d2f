/* The autoencoder as tools use it: opened by name, between arrays in a stream's order. */
#ifndef MODEL_CODER_H
#define MODEL_CODER_H

#include "base/err.h"
#include "base/philox.h"
#include "model/network.h"

typedef struct coder {
	network net; /* it keeps its memory from one scan to the next */
	int64_t x[4],
		z[4]; /* shapes of one scan, [image,X,Y,Z], and of its latent, [latent,X/f,Y/f,Z/f], on the grid given to coder_open */
	int runs; /* what net.g is described for: private */
	layer *in, *out, *log_var;
} coder;

/* Opens the autoencoder of a model (model_find; NULL: the default). Errors as network_open. Close with coder_close also when it fails.
 * Until coder_shape the shapes are those of the configuration's volume. */
int coder_open(coder *k, const char *model, enum nn_math math, int threads, err *e);
/* Another grid than the configuration's. ERR_CONFIG when the network cannot halve it often enough. */
int coder_shape(coder *k, const int n[3], err *e);
void coder_close(coder *k);

/* x -> z: the posterior's mean or, with `sample`, a draw from it: mean + sigma * (number i of *sample at element i of z). */
int coder_encode(coder *k, float *z, const float *x, const philox *sample, err *e);
/* z -> x, not clamped. */
int coder_decode(coder *k, float *x, const float *z, err *e);

/* What one encoding, or decoding, will take. */
int coder_plan(model_cost *out, const coder *k, bool decode, err *e);
/* Layer by layer. Freed with report_free, also when it fails. */
int coder_report(report *out, const coder *k, bool decode, err *e);

#endif
