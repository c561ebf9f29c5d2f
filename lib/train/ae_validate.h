/* How good an autoencoder is: whole volumes, the averaged weights, the posterior's mean. */
#ifndef TRAIN_AE_VALIDATE_H
#define TRAIN_AE_VALIDATE_H

#include <stddef.h>

#include "base/err.h"
#include "train/ae_train.h"
#include "train/dataset.h"

/* Means over scans. */
typedef struct ae_scores {
	double l1, mse;
	double brain;		/* SSIM, window 11, where the reference's window mean exceeds 2 % of the range 1 */
	double whole;		/* SSIM, window 3, whole volume */
	double latent_sd;	/* standard deviation of the posterior means, all channels together */
	double noise_share;	/* mean sigma^2 / (mean sigma^2 + variance of the means): what a drawn latent has of pure noise */
} ae_scores;

/* x [X,Y,Z] -> out [X,Y,Z] through the averaged weights; adds to sums of the latent (NULL: not wanted): count, mean, mean^2, sigma^2. */
int ae_reconstruct(ae_train *t, const float *x, float *out, double sums[4], err *e);

/* Scans number which[0] .. which[n-1] of d. n = 0: all scores NAN. A stop that is asked for (stop.h) ends it early, without scores. */
int ae_validate(ae_train *t, const dataset *d, const size_t *which, size_t n, ae_scores *s, err *e);

/* Writes FOLDER/step-NNNNNN.png: slices of a scan, of its reconstruction, and the difference. p: where the model's grid lies. Errors as
 * ae_reconstruct and train_picture. */
int ae_show(ae_train *t, const dataset_scan *scan, const preparation *p, const char *folder, err *e);

#endif
