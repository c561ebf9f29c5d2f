/* What a scanner adds: noise, uneven sensitivity, another gain, and a head that lies otherwise. */
#ifndef SIMULATE_SCANNER_H
#define SIMULATE_SCANNER_H

#include "base/err.h"
#include "base/philox.h"
#include "volume/volume.h"

typedef struct scanner {
	double noise; /* sd of the noise in both channels, in units of the scan's values */
	double bias; /* sd over the box of the log of a smooth field that values are multiplied by */
	double gain; /* sd of the log of a factor */
	double jitter; /* sd of a shift along each axis, mm, and of turns by which places 50 mm away move as far */
} scanner;

/* Magnitude of value v with normal noise of sd sigma in the real and in the imaginary channel (Gudbjartsson & Patz, "The Rician
 * distribution of noisy MRI data", MRM 1995): where v is 0 its mean is sigma sqrt(pi / 2). Voxel i of r. */
double scanner_rician(double v, double sigma, philox r, uint64_t i);

/* Values as the scanner sees them. What is exactly 0, as the surroundings of an extracted brain are, stays 0: noise is of what there is.
 * The field is the exponential of a sum of cosines with at most three half waves along all axes together, drawn with equal sd and scaled so
 * that the sum's mean square over the box is what `bias` says on average. A function of settings, values and r alone. ERR_OS. */
int scanner_expose(volume *v, const scanner *s, philox r, err *e);

/* Where voxels of a scan of the head that has moved come from: voxel to voxel, of a grid with this affine. A rigid movement about the
 * middle of the grid: turns about each of the world's axes one after the other, then the shift. False: the affine has no inverse. */
bool scanner_move(double map[3][4], const volume *grid, const scanner *s, philox r);

#endif
