/* denoise [-m exact|fast] [-j THREADS] [-t TIME] [-r RUNS] [-y Y.npy -g G.npy] WEIGHTS X.npy EPS.npy
 *
 * One call of a diffusion network on one latent [C,X,Y,Z] of float32, nothing around it: for comparisons with other implementations.
 * With -y and -g G too. Prints the seconds that the call took and the largest resident set so far, in MB. -r: calls before that one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "format/npy.h"
#include "model/denoiser.h"

static int64_t count(const int64_t n[4]) { return n[0] * n[1] * n[2] * n[3]; }

/* The n float32 numbers of a file. */
static int read_numbers(float **out, int64_t n, const char *path, err *e)
{
	npy_array a = { 0 };
	infile *f = NULL;
	int code = in_open(&f, path, e);
	if (!code)
		code = npy_read(&a, f, e);
	in_close(f);
	int64_t has = 1;
	for (int i = 0; i < a.rank; i++)
		has *= a.shape[i];
	if (!code && (a.dtype != DTYPE_F32 || has != n))
		code = err_set(e, ERR_DATA, "%s: %lld numbers of float32 are wanted", path, (long long)n);
	*out = a.data;
	return code;
}

static int write_numbers(const float *v, const int64_t n[4], const char *path, err *e)
{
	outfile *f = NULL;
	int code = out_open(&f, path, true, e);
	if (!code)
		code = npy_write(f, DTYPE_F32, 4, n, v, e);
	if (!code)
		return out_commit(f, e);
	out_abort(f);
	return code;
}

int main(int argc, char **argv)
{
	enum nn_math math = NN_EXACT;
	int threads = 2, runs = 0;
	double t = 500;
	const char *y_path = NULL, *g_path = NULL;
	for (int o; (o = getopt(argc, argv, "m:j:t:r:y:g:")) != -1;) {
		switch (o) {
		case 'm':
			math = strcmp(optarg, "fast") ? NN_EXACT : NN_FAST;
			break;
		case 'j':
			threads = atoi(optarg);
			break;
		case 't':
			t = atof(optarg);
			break;
		case 'r':
			runs = atoi(optarg);
			break;
		case 'y':
			y_path = optarg;
			break;
		case 'g':
			g_path = optarg;
			break;
		default:
			return ERR_USAGE;
		}
	}
	if (argc - optind != 3)
		return ERR_USAGE;
	argv += optind;
	err e = { 0 };
	denoiser d;
	float *x = NULL, *y = NULL, *eps = NULL, *g = NULL;
	double start = 0;
	int code = denoiser_open(&d, argv[0], math, threads, &e);
	if (!code)
		code = read_numbers(&x, count(d.x), argv[1], &e);
	if (!code && y_path)
		code = read_numbers(&y, d.y, y_path, &e);
	if (!code)
		code = mem_zero(&eps, (size_t)count(d.x), sizeof *eps, argv[2], &e);
	if (!code && g_path)
		code = mem_zero(&g, (size_t)count(d.x), sizeof *g, g_path, &e);
	for (int i = 0; i <= runs && !code; i++) {
		start = clock_seconds();
		code = denoiser_eps(&d, eps, g, x, t, y, &e);
	}
	if (!code) {
		struct rusage used;
		double took = clock_seconds() - start;
		getrusage(RUSAGE_SELF, &used);
		printf("%.2f %.0f\n", took, (double)used.ru_maxrss / 1024);
		code = write_numbers(eps, d.x, argv[2], &e);
	}
	if (!code && g)
		code = write_numbers(g, d.x, g_path, &e);
	if (code)
		fprintf(stderr, "denoise: %s\n", e.text);
	denoiser_close(&d);
	free(x);
	free(y);
	free(eps);
	free(g);
	return code;
}
