/* Sums over voxels: in double, per fixed block, merged in block order. Not for users of nn. */
#ifndef NN_CHANNEL_SUMS_H
#define NN_CHANNEL_SUMS_H

#include "nn/kernels/kernels.h"
#include "nn/layer.h"

/* Adds the sums over the n voxels of each volume of x [volumes][n][c] to sums [volumes][c], or, with those of squares behind them, [2c]. */
void channel_sums(graph *g, const float *x, int volumes, size_t n, int channels, bool squares, double *sums);
/* Adds the gradient of a bias that was added to all voxels of a value of this shape, from that of the value. */
void bias_gradient(graph *g, const float *dout, shape s, param *bias);

/* The way back through act(scale x + shift), p [b] for each volume. */
typedef struct affine_act_gradient {
	const affine_act *p;
	const float *x, *d; /* the value, and the gradient at what was made of it */
	float *dx; /* the gradient at x, stored if fresh, else added to; may be d; NULL: not wanted */
	bool fresh;
	double *sums; /* [b][2c]: the gradients of scale, then of shift, are added to these; NULL: not wanted */
} affine_act_gradient;

/* For values of shape s. */
void channel_sums_backward(graph *g, shape s, const affine_act_gradient *to);

#endif
