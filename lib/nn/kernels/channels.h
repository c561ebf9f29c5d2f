/* Inner loops of ConvNeXt and attention: what happens along the channels of a voxel or the keys of a query, and within each channel of a
 * map. Compiled for each level as kernels.h says; reached by nn_kernels()->channels. Rows are voxels or queries, [n][c]. */
#ifndef NN_KERNELS_CHANNELS_H
#define NN_KERNELS_CHANNELS_H

#include <stdbool.h>
#include <stddef.h>

enum { DEPTHWISE = 7 }; /* taps on each of two axes, as many zeros around as keep the size */

typedef struct channel_kernels {
	/* out = (x - mean) r gain + offset with mean and r = 1/sqrt(variance + eps) of each row; stats [n][2] = mean, r. Either may be
	 * NULL: not wanted. out may be x. */
	void (*normalise)(float *out, float *stats, const float *x, size_t n, int c, const float *gain, const float *offset, float eps);
	/* The gradient at x from d at the result; stored if fresh, else added. dx may be d. */
	void (*normalise_backward)(float *dx, bool fresh, const float *d, const float *x, const float *stats, size_t n, int c,
				   const float *gain);
	/* Adds the gradients of gain and offset to [c] sums. */
	void (*normalise_gain)(const float *d, const float *x, const float *stats, size_t n, int c, double *dgain, double *doffset);
	/* dx += p + q x, p and q [c]. */
	void (*add_line)(float *dx, const float *x, const float *p, const float *q, size_t n, int c);
	/* u Phi(u) at u = x + bias, Phi the normal distribution function (Hendrycks & Gimpel 2016); out may be x. */
	void (*gelu)(float *out, const float *x, const float *bias, size_t n, int c);
	/* d *= its slope at x + bias. */
	void (*gelu_backward)(float *d, const float *x, const float *bias, size_t n, int c);
	/* out = x + keep scale (branch + bias); out may be x. */
	void (*scaled_residual)(float *out, const float *x, const float *branch, const float *bias, const float *scale, float keep,
				size_t n, int c);

	/* Each row of x becomes exp(scale x) / sum of exp(scale x). */
	void (*softmax)(float *x, size_t n, int c, float scale);
	/* d, the gradient at the result p, becomes that at x: scale p (d - <d, p>). */
	void (*softmax_backward)(float *d, const float *p, size_t n, int c, float scale);

	/* Depthwise convolution of one map [height][width][c], LANES channels at a time (`some` of them are there): the map is loaded
	 * into a frame of depthwise_frame floats, zeros at first, whose border is left as it is; then taps [DEPTHWISE^2][LANES] slide over
	 * it. */
	size_t (*depthwise_frame)(int height, int width);
	void (*depthwise_load)(float *frame, const float *x, int height, int width, int c, int some);
	/* bias: [some] or NULL; add: to what is in out. */
	void (*depthwise)(float *out, const float *frame, const float *taps, const float *bias, int height, int width, int c, int some,
			  bool add);
	/* Adds the gradient of the taps, from d at the result. */
	void (*depthwise_weight)(double *dtaps, const float *frame, const float *d, int height, int width, int c, int some);
} channel_kernels;

#endif
