/* Keys' cubic kernel with a = -1/2 ("Cubic convolution interpolation for digital image processing", 1981, equation 4). */
#ifndef VOLUME_CUBIC_H
#define VOLUME_CUBIC_H

/* The weights of the four voxels round a place, f (0..1) behind the second. */
static inline void cubic_weights(double w[4], double f)
{
	w[0] = f * (-.5 + f * (1 - .5 * f));
	w[1] = 1 + f * f * (-2.5 + 1.5 * f);
	w[2] = f * (.5 + f * (2 - 1.5 * f));
	w[3] = f * f * (-.5 + .5 * f);
}

#endif
