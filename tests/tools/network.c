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

static const char *const stages[STAGES] = { "encode", "decode", "discriminate", "semantic" },
			 *const kinds[STAGES] = { "autoencoder", "autoencoder", "discriminator", "semantic" };

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

static int write_array(nn *c, const tensor *t, const char *path, err *e)
{
	float *v = NULL;
	outfile *f = NULL;
	const int64_t n[4] = { t->s.c, t->s.x, t->s.y, t->s.z };
	int code = mem_zero(&v, shape_count(t->s), sizeof *v, path, e);
	if (code)
		return code;
	nn_to_field(c, t, v);
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

static tensor *run(nn *c, const weights *w, enum stage what, tensor *x, tensor **log_var)
{
	switch (what) {
	case ENCODE: return autoencoder_encode(c, &w->config.autoencoder, &w->params, x, log_var);
	case DECODE: return autoencoder_decode(c, &w->config.autoencoder, &w->params, x);
	case SEMANTIC: return semantic_encode(c, &w->config.semantic, &w->params, &(semantic_call){ .x = x });
	default: return discriminator_judge(c, &w->config.discriminator, &w->params, x, false);
	}
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
	shape s;
	tensor *log_var = NULL, *y = NULL;
	nn *c = nn_new(NN_INFER, math, threads);
	int code = weights_open(&w, argv[1], kinds[what], &e);
	if (!code)
		code = read_array(&a, &s, argv[2], &e);
	tensor *x = code ? NULL : nn_from_field(c, s, a.data);
	for (int i = 0; x && i <= runs; i++) {
		double start = clock_seconds();
		nn_drop(c, y);
		nn_drop(c, log_var);
		y = run(c, &w, (enum stage)what, x, second && what == ENCODE ? &log_var : NULL);
		if (i)
			printf("%.4f\n", clock_seconds() - start);
	}
	if (!code)
		code = nn_error(c, &e);
	if (!code)
		code = write_array(c, y, argv[3], &e);
	if (!code && log_var) {
		for (size_t i = 0; i < shape_count(log_var->s); i++)
			log_var->v[i] = expf(.5f * fminf(fmaxf(log_var->v[i], -30), 20));
		code = write_array(c, log_var, second, &e);
	}
	if (code)
		fprintf(stderr, "network: %s\n", e.text);
	nn_drop(c, x);
	nn_drop(c, y);
	nn_drop(c, log_var);
	nn_free(c);
	weights_close(&w);
	free(a.data);
	return code;
}
