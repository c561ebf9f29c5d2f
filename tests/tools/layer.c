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
#include "base/philox.h"
#include "nn/conv/conv.h"
#include "nn/loss.h"

static void fill(float *v, size_t n, double scale, uint64_t seed)
{
	philox p = philox_make(seed, 0);
	for (size_t i = 0; i < n; i++)
		v[i] = (float)(scale * philox_normal(p, i));
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	enum nn_math math = NN_EXACT;
	int threads = 2, runs = 3, batch = 1;
	bool gradients = false;
	for (int o; (o = getopt(argc, argv, "m:j:t:b:g")) != -1;) {
		if (o == 'm')
			math = strcmp(optarg, "fast") ? NN_EXACT : NN_FAST;
		else if (o == 'j')
			threads = atoi(optarg);
		else if (o == 't')
			runs = atoi(optarg);
		else if (o == 'b')
			batch = atoi(optarg);
		else
			gradients = true;
	}
	if (argc - optind != 6 || runs < 1 || batch < 1) {
		fputs("usage: layer [-m exact|fast] [-j THREADS] [-t RUNS] [-b BATCH] [-g] plain|up|down IN OUT X Y Z\n", stderr);
		return 1;
	}
	const char *kind = argv[optind];
	int n[5];
	for (int i = 0; i < 5; i++)
		n[i] = atoi(argv[optind + 1 + i]);
	bool up = !strcmp(kind, "up"), down = !strcmp(kind, "down");

	err e;
	params ps = { 0 };
	int64_t shape_[5] = { n[1], n[0], 3, 3, 3 };
	if (params_add(&ps, "weight", 5, shape_, NULL, &e) || params_add(&ps, "bias", 1, shape_, NULL, &e)) {
		fprintf(stderr, "layer: %s\n", e.text);
		return 1;
	}
	param *w = params_find(&ps, "weight");
	fill(w->v, w->count, .02, 1);
	if (gradients && params_with_gradients(&ps, &e)) {
		fprintf(stderr, "layer: %s\n", e.text);
		return 1;
	}
	nn *c = nn_new(gradients ? NN_TRAIN : NN_INFER, math, threads);
	tensor *x = nn_tensor(c, (shape){ batch, n[2], n[3], n[4], n[0] }), *affine = nn_tensor(c, (shape){ batch, 1, 1, 1, 2 * n[0] });
	if (x && affine) {
		fill(x->v, shape_count(x->s), 1, 2);
		fill(affine->v, shape_count(affine->s), 1, 3);
		x->needs_grad = gradients;
	}
	double *took = calloc((size_t)runs, sizeof *took), flop = 0;
	for (int i = -1; i < runs; i++) {
		double start = clock_seconds();
		tensor *y = nn_conv(c, x, &(conv_spec){ .weight = w, .bias = params_find(&ps, "bias"), .stride = down ? 2 : 1,
							.pad_low = !down, .pad_high = 1, .affine = up || down ? NULL : affine,
							.act = up || down ? ACT_NONE : ACT_SILU,
							.up = { 1 + up, 1 + up, 1 + up } });
		if (y) {
			flop = 2. * 27 * n[0] * (double)shape_count(y->s) * (gradients ? 3 : 1);
			if (gradients) {
				tensor *loss = nn_squared_to(c, y, 0);
				nn_backward(c, loss, 1);
				nn_drop(c, loss);
			}
			if (i >= 0)
				took[i] = clock_seconds() - start;
		}
		nn_drop(c, y);
	}
	if (nn_error(c, &e)) {
		fprintf(stderr, "layer: %s\n", e.text);
		return 1;
	}
	qsort(took, (size_t)runs, sizeof *took, ascending);
	printf("%.4g %.0f\n", took[runs / 2], flop / took[runs / 2] / 1e9);
	nn_drop(c, x);
	nn_drop(c, affine);
	nn_free(c);
	params_free(&ps);
	free(took);
	return 0;
}
