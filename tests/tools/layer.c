/* layer [-m exact|fast] [-j THREADS] [-t RUNS] [-b BATCH] [-g] plain|up|down IN OUT X Y Z
 *
 * One 3x3x3 convolution behind a norm and SiLU, as the networks have it: plain, behind a doubling of the voxels (up; without norm) or in
 * steps of two (down; without norm). X Y Z: its input, BATCH (1) volumes of it. Runs once to warm up, then RUNS times (3); prints the
 * median seconds and the GFLOP/s of a direct convolution. -g: with its gradients at input and weights. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/philox.h"
#include "nn/conv/conv.h"
#include "nn/loss.h"

static void fill(float *v, size_t n, double scale, uint64_t seed)
{
	philox p = philox_make(seed, 0);
	for (size_t i = 0; i < n; i++)
		v[i] = (float)(scale * philox_normal(p, i));
}

/* Random numbers for an input. */
static int give(graph *g, layer *input, uint64_t seed, err *e)
{
	const size_t n = shape_count(graph_shape(input));
	float *v = NULL;
	int code = mem_zero(&v, n, sizeof *v, "an input", e);
	if (code)
		return code;
	fill(v, n, 1, seed);
	graph_write(g, input, v);
	free(v);
	return 0;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

typedef struct options {
	enum nn_math math;
	int threads, runs, batch;
	bool gradients, up, down;
	int n[5]; /* IN OUT X Y Z */
} options;

static bool parse(options *o, int argc, char **argv)
{
	*o = (options){ .math = NN_EXACT, .threads = 2, .runs = 3, .batch = 1 };
	for (int c; (c = getopt(argc, argv, "m:j:t:b:g")) != -1;) {
		if (c == 'm')
			o->math = strcmp(optarg, "fast") ? NN_EXACT : NN_FAST;
		else if (c == 'j')
			o->threads = atoi(optarg);
		else if (c == 't')
			o->runs = atoi(optarg);
		else if (c == 'b')
			o->batch = atoi(optarg);
		else
			o->gradients = true;
	}
	if (argc - optind != 6 || o->runs < 1 || o->batch < 1)
		return false;
	o->up = !strcmp(argv[optind], "up");
	o->down = !strcmp(argv[optind], "down");
	for (int i = 0; i < 5; i++)
		o->n[i] = atoi(argv[optind + 1 + i]);
	return true;
}

static int make_weights(params *ps, const options *o, err *e)
{
	const int64_t n[5] = { o->n[1], o->n[0], 3, 3, 3 };
	int code = params_add(ps, "conv.weight", 5, n, NULL, e);
	if (!code)
		code = params_add(ps, "conv.bias", 1, n, NULL, e);
	if (code)
		return code;
	fill(ps->p[0].v, ps->p[0].count, .02, 1);
	return o->gradients ? params_with_gradients(ps, e) : 0;
}

/* Describes the convolution and gives it memory and inputs; returns what the way back begins from. */
static int make_ready(graph *g, params *ps, const options *o, layer **loss, err *e)
{
	const bool plain = !o->up && !o->down;
	layer *x = graph_input(g, (shape){ o->batch, o->n[2], o->n[3], o->n[4], o->n[0] });
	layer *norm = plain ? graph_input(g, (shape){ o->batch, 1, 1, 1, 2 * o->n[0] }) : NULL;
	const conv_spec spec = { .out = o->n[1],
				 .k = 3,
				 .stride = o->down ? 2 : 1,
				 .pad_low = !o->down,
				 .pad_high = 1,
				 .norm = norm,
				 .act = plain ? ACT_SILU : ACT_NONE,
				 .up = { 1 + o->up, 1 + o->up, 1 + o->up } };
	layer *y = conv(g, x, &spec, "conv");
	*loss = o->gradients ? graph_minimise(squared_to(g, y, 0)) : graph_keep(y);
	if (o->gradients)
		graph_want_gradient(x);
	int code = graph_bind(g, (params *const[]){ ps }, 1, e);
	if (!code)
		code = graph_settle(g, e);
	if (!code)
		code = graph_open(g, e);
	if (!code)
		code = give(g, x, 2, e);
	return !code && norm ? give(g, norm, 3, e) : code;
}

/* One run to warm up, then those that count. */
static int measure(graph *g, layer *loss, const options *o, double *took, err *e)
{
	int code = 0;
	for (int i = -1; i < o->runs && !code; i++) {
		const double start = clock_seconds();
		code = graph_forward(g, e);
		if (!code && o->gradients)
			code = graph_backward(g, loss, 1, e);
		if (i >= 0)
			took[i] = clock_seconds() - start;
	}
	return code;
}

int main(int argc, char **argv)
{
	options o;
	err e;
	params ps = { 0 };
	layer *loss;
	double *took = NULL;
	if (!parse(&o, argc, argv)) {
		fputs("usage: layer [-m exact|fast] [-j THREADS] [-t RUNS] [-b BATCH] [-g] plain|up|down IN OUT X Y Z\n", stderr);
		return 1;
	}
	graph *g = graph_new(o.gradients ? GRAPH_TRAIN : GRAPH_ONCE, o.math, o.threads);
	int code = g ? make_weights(&ps, &o, &e) : err_set(&e, ERR_OS, "no memory");
	if (!code)
		code = make_ready(g, &ps, &o, &loss, &e);
	if (!code)
		code = mem_zero(&took, (size_t)o.runs, sizeof *took, "times", &e);
	if (!code)
		code = measure(g, loss, &o, took, &e);
	if (code) {
		fprintf(stderr, "layer: %s\n", e.text);
	} else {
		qsort(took, (size_t)o.runs, sizeof *took, ascending);
		printf("%.4g %.0f\n", took[o.runs / 2], graph_flop(g) / took[o.runs / 2] / 1e9);
	}
	graph_free(g);
	params_free(&ps);
	free(took);
	return code != 0;
}
