/* Deterministic solvers of the diffusion ODE, in both directions: from noise at the last timestep to a clean latent at timestep 0, which
 * counts as clean although a_0 < 1, and back. They know the network only as a function, and work on one array of numbers, however many
 * latents lie in it: a number's way depends on the predictions at its place alone.
 *
 * SOLVER_DDIM     first order, timesteps evenly spaced (Song et al. 2021, eq. 12, sigma 0): the published method.
 * SOLVER_DPMPP2M  DPM-Solver++(2M) (Lu et al. 2022, arXiv 2211.01095, algorithm 2): second order, multistep, on predictions of the clean
 *                 latent, with timesteps evenly spaced in log-SNR. Inversion is the same formula run the other way: it takes the prediction
 *                 at the middle of a step, in log-SNR, from the line through the last two, on either side of the step, so what the step
 *                 misses on the way up it misses on the way down with the other sign.
 *
 * Round trip clean -> noise -> clean with exact predictors: rms error in units of the data's rms, after N + N calls. G: Gaussian data of
 * this sd; M: three Gaussians of sd .3 in 8 dimensions (tests/unit/test_diffusion.c asserts the first two lines). Below them what else was
 * tried for inversion, in log-SNR and before DPM-Solver++(2M) as the sampler, and the third order in both directions.
 *
 *                                         N = 10             N = 20               N = 50            N = 100
 *                                     G 1  G .1    M     G 1   G .1    M      G 1   G .1    M    G 1  G .1    M
 *   DDIM                              .31   .86  .24     .17    .68  .16     .070    .37 .070   .036   .20 .044
 *   DPM-Solver++(2M)                 .017  .042 .066   .0008  .0015 .017   .00002  .0007 .002
 *   2nd-order Adams on the noise      .14   .10  .11    .040   .038 .036     .006   .005 .005
 *   3rd-order Adams on the noise     .066  .015  .11    .016   .013 .036     .002   .001 .056
 *   2M's implicit inverse, refined
 *     with every new prediction       .47   .27  .74    .027   .032 .027     .001  .0003 .004
 *   third order, both directions    .0014  .036 .058   .0004  .0012 .015   .00003  .0014 .040
 *
 * The implicit inverse solves for the very points that sampling will visit, as exact inversions do (Hong et al. 2024, arXiv 2311.18387);
 * with one call a step it is unstable where steps are long. The third order gains where the predictor is exact and smooth, and loses where
 * it is neither. With 2M the noise has rms .94 to .95 for N = 10 and .98 for 20: a long first step sees less noise than there is. */
#ifndef DIFFUSION_SOLVER_H
#define DIFFUSION_SOLVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "model/schedule.h"

/* Predicts the noise in x at timestep t, and with g not NULL the semantic gradient G; y: the semantic code, NULL without one. All arrays
 * but y have the predictor's count. Returns 0 or a code with *e set. */
typedef int predict_fn(void *of, float *eps, float *g, const float *x, int t, const float *y, err *e);

typedef struct predictor {
	predict_fn *predict;
	void *of;
	size_t count; /* numbers in x, eps and g */
	const float *y; /* NULL: none, and no gradient is asked for */
} predictor;

enum solver_kind { SOLVER_DDIM, SOLVER_DPMPP2M };

typedef struct solver {
	enum solver_kind kind;
	const schedule *schedule; /* borrowed */
	double clip; /* predictions of the clean latent are held within +-clip; INFINITY: they are not */
	double stop; /* of n steps of sampling the last int(stop * n) run without G, 0..1; inversion always uses it */
	void (*progress)(void *of, int done, int steps); /* called after each network call; may be NULL */
	void *progress_of;
	int *times, n; /* solver_new's: the timesteps, increasing; n - 1 network calls */
} solver;

/* A solver with `steps` network calls (fewer where timesteps coincide), without clip, stop and progress: set these afterwards. Errors as
 * schedule_times. Freed with solver_free, also when it fails. */
int solver_new(solver *s, enum solver_kind kind, const schedule *of, int steps, err *e);
void solver_free(solver *s);

/* x: noise at the last timestep becomes a clean latent (scaled as the network's training data were). Errors: the predictor's, ERR_OS. */
int solver_sample(const solver *s, const predictor *p, float *x, err *e);
/* x: a clean, scaled latent becomes the noise at the last timestep. */
int solver_invert(const solver *s, const predictor *p, float *x, err *e);
/* How many of its network calls (s->n - 1) run without G. */
int solver_unsteered(const solver *s, bool invert);

/* Noise eps [n] that is predicted at timestep t becomes that which the gradient G steers by -sqrt(1-a_t) G (arXiv 2504.08635). */
void solver_steer(const schedule *s, int t, float *eps, const float *g, size_t n);

/* One DDIM step of n numbers from timestep t to timestep to, either way: out = sqrt(a_to) x0 + sqrt(1-a_to) eps', where x0 is the clean
 * latent that eps implies, held within +-clip, and eps' the noise that this x0 implies. out may be x. */
void ddim_step(const schedule *s, int t, int to, double clip, float *out, const float *x, const float *eps, size_t n);

#endif
