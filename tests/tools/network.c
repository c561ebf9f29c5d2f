/* network [-m exact|fast] [-j THREADS] [-t RUNS] encode|decode|discriminate|semantic WEIGHTS IN.npy OUT.npy [SECOND.npy]
 *
 * One network on one array [channels,X,Y,Z] or [1,channels,X,Y,Z] of float32, nothing around it: for comparisons with other
 * implementations. SECOND is sigma, for encode. -t: runs once to warm up, then RUNS times, and prints the seconds of each. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "format/npy.h"
#include "model/autoencoder.h"
#include "model/discriminator.h"
#include "model/semantic.h"
#include "model/weights.h"

enum stage { ENCODE, DECODE, DISCRIMINATE, SEMANTIC, STAGES };

static const char *const stages[STAGES] = { "encode", "decode", "discriminate", "semantic" }, *const kinds[STAGES] = {
	"autoencoder", "autoencoder", "discriminator", "semantic"
};

static int read_array(npy_array *a, shape *s, const char *path, err *e)
{
	infile *f = NULL;
	int code = in_open(&f, path, e);
	if (!code)
		code = npy_read(a, f, e);
	in_close(f);
	if (code)
		return code;
	int skip = a->rank == 5 && a->shape[0] == 1;
	if (a->dtype != DTYPE_F32 || a->rank - skip != 4)
		return err_set(e, ERR_DATA, "%s: float32 [channels,X,Y,Z] is wanted", path);
	*s = (shape){ 1, (int)a->shape[skip + 1], (int)a->shape[skip + 2], (int)a->shape[skip + 3], (int)a->shape[skip] };
	return 0;
}

/* The kept value l; `sigma`: l is the logarithm of a variance, and the standard deviation is written. */
static int write_array(const graph *g, const layer *l, bool sigma, const char *path, err *e)
{
	float *v = NULL;
	outfile *f = NULL;
	const shape s = graph_shape(l);
	const int64_t n[4] = { s.c, s.x, s.y, s.z };
	int code = mem_zero(&v, shape_count(s), sizeof *v, path, e);
	if (code)
		return code;
	graph_read(g, l, v);
	for (size_t i = 0; sigma && i < shape_count(s); i++)
		v[i] = expf(.5f * fminf(fmaxf(v[i], -30), 20));
	code = out_open(&f, path, true, e);
	if (!code)
		code = npy_write(f, DTYPE_F32, 4, n, v, e);
	if (!code)
		code = out_commit(f, e);
	else
		out_abort(f);
	free(v);
	return code;
}

static layer *describe(graph *g, const weights *w, enum stage what, layer *x, layer **log_var)
{
	switch (what) {
	case ENCODE:
		return autoencoder_encode(g, &w->config.autoencoder, x, log_var);
	case DECODE:
		return autoencoder_decode(g, &w->config.autoencoder, x);
	case SEMANTIC:
		return semantic_encode(g, &w->config.semantic, x, false, false);
	default:
		return discriminator_judge(g, &w->config.discriminator, x);
	}
}

/* A network, its input and its results; log_var NULL: not wanted. */
typedef struct session {
	graph *g;
	layer *x, *y, *log_var;
} session;

/* Describes what runs on the array of this file, which is read. */
static int make_ready(session *n, weights *w, enum stage what, bool sigma, const char *path, npy_array *a, err *e)
{
	shape s;
	int code = read_array(a, &s, path, e);
	if (code)
		return code;
	n->x = graph_input(n->g, s);
	n->y = graph_keep(describe(n->g, w, what, n->x, sigma ? &n->log_var : NULL));
	graph_keep(n->log_var);
	code = graph_bind(n->g, (params *const[]){ &w->params }, 1, e);
	if (!code)
		code = graph_settle(n->g, e);
	return code ? code : graph_open(n->g, e);
}

int main(int argc, char **argv)
{
	enum nn_math math = NN_EXACT;
	int threads = 2, runs = 0, what = 0;
	for (int o; (o = getopt(argc, argv, "m:j:t:")) != -1;) {
		if (o == 'm')
			math = strcmp(optarg, "fast") ? NN_EXACT : NN_FAST;
		else if (o == 'j')
			threads = atoi(optarg);
		else if (o == 't')
			runs = atoi(optarg);
		else
			return ERR_USAGE;
	}
	if (argc - optind < 4)
		return ERR_USAGE;
	argv += optind;
	while (what < STAGES && strcmp(argv[0], stages[what]))
		what++;
	if (what == STAGES)
		return ERR_USAGE;
	const char *second = argc - optind > 4 ? argv[4] : NULL;
	err e = { 0 };
	weights w = { 0 };
	npy_array a = { 0 };
	session n = { .g = graph_new(GRAPH_ONCE, math, threads) };
	int code = weights_open(&w, argv[1], kinds[what], &e);
	if (!code)
		code = make_ready(&n, &w, (enum stage)what, second && what == ENCODE, argv[2], &a, &e);
	for (int i = 0; !code && i <= runs; i++) {
		double start = clock_seconds();
		graph_write(n.g, n.x, a.data);
		code = weights_error(&w, graph_forward(n.g, &e), &e);
		if (i)
			printf("%.4f\n", clock_seconds() - start);
	}
	if (!code)
		code = write_array(n.g, n.y, false, argv[3], &e);
	if (!code && n.log_var)
		code = write_array(n.g, n.log_var, true, second, &e);
	if (code)
		fprintf(stderr, "network: %s\n", e.text);
	graph_free(n.g);
	weights_close(&w);
	free(a.data);
	return code;
}
