/* Gradients of a graph against finite differences of a reference in double. Central differences with steps of 1e-5 are off by 1e-9
 * only. Include after nn_case.h. */
#ifndef TESTS_NN_GRADIENT_H
#define TESTS_NN_GRADIENT_H

static const double STEP = 1e-5;

/* A scalar function of arrays that the caller changes in place. */
typedef double scalar_fn(const void *of);

static inline double slope_along(scalar_fn *f, const void *of, double *p, const double *dir, size_t n)
{
	double value[2];
	for (int side = 0; side < 2; side++) {
		double h = side ? 2 * STEP : -STEP;
		for (size_t i = 0; i < n; i++)
			p[i] += h * dir[i];
		value[side] = f(of);
	}
	for (size_t i = 0; i < n; i++)
		p[i] -= STEP * dir[i];
	return (value[1] - value[0]) / (2 * STEP);
}

/* g [n] must be the gradient of f at p: by single elements (all of a few, else 24 and the ends) and along three directions
 * through all of them. Returns false, having said why, if it is not. */
static inline bool is_gradient(const char *what, scalar_fn *f, const void *of, double *p, const float *g, size_t n, double tolerance)
{
	if (!g) {
		print_message("%s: no gradient\n", what);
		return false;
	}
	dice d = dice_of(n + 77);
	double *dir = doubles(n), error = 0, size = 0;
	for (size_t i = 0; i < n; i++)
		size += (double)g[i] * (double)g[i];
	size = sqrt(size / (double)n);
	size_t samples = n <= 40 ? n : 26;
	for (size_t s = 0; s < samples; s++) {
		size_t i = n <= 40 ? s : s == 0 ? 0 : s == 1 ? n - 1 : (size_t)(philox_uniform(d.p, d.i++) * (double)n);
		dir[i] = 1;
		double want = slope_along(f, of, p, dir, n);
		dir[i] = 0;
		error += (want - (double)g[i]) * (want - (double)g[i]);
	}
	error = sqrt(error / (double)samples);
	for (int k = 0; k < 3; k++) {
		normals(&d, n, 1, NULL, dir);
		double far = fabs(slope_along(f, of, p, dir, n) - dot(dir, g, n)) / sqrt((double)n);
		error = fmax(error, far / 3); /* one number, not a mean: three times as far once in some hundred */
	}
	free(dir);
	/* gradients that vanish by construction are compared with 1 */
	bool good = error <= tolerance * fmax(size, 1e-3);
	if (!good)
		print_message("%s: strays by %.2e of %.2e\n", what, error, size);
	return good;
}

static inline double *random_floats(uint64_t seed, size_t n)
{
	dice d = dice_of(seed);
	double *r = doubles(n);
	normals(&d, n, 1, NULL, r);
	return r;
}

/* Random directions, as floats and the same in double. */
static inline void directions(uint64_t seed, size_t n, float **r, double **rr)
{
	*rr = random_floats(seed, n);
	*r = malloc(n * sizeof **r);
	assert_non_null(*r);
	for (size_t i = 0; i < n; i++)
		(*rr)[i] = (double)((*r)[i] = (float)(*rr)[i]);
}

#endif
