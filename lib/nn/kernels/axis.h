/* Convolutions of 3x3x3 with Winograd's form on one axis, by matrix instructions for bfloat16; reached by nn_kernels()->axis where the
 * processor has them. A tile is p voxels of that axis, which become p points (4 or 6: F(2,3) or F(4,3), lines.h); on the other two axes
 * nine taps slide over the points. Numbers are sums of `parts` numbers of bfloat16: three, exactly, or the two nearest. A square is a
 * factor of a matrix instruction, 16 x 32 numbers. */
#ifndef NN_KERNELS_AXIS_H
#define NN_KERNELS_AXIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	AXIS_RUN = 16,		/* rows of a left factor: tiles */
	AXIS_CHANNELS = 32,	/* input channels in a square, and output channels at a time */
	AXIS_SQUARE = AXIS_RUN * AXIS_CHANNELS,
	AXIS_TAPS = 9,
};

/* Sums over taps and input channels for runs of tiles and 32 output channels. */
typedef struct axis_sums {
	int points, parts, blocks;	/* blocks of 32 input channels */
	const uint16_t *in;		/* [blocks][points][parts][rows][32] */
	size_t rows;
	int runs;			/* even */
	const int *first;		/* [runs]: row of a run's first tile, for the first tap */
	const int *tap;			/* [AXIS_TAPS]: rows from there to a tap's */
	const uint16_t *weights;	/* [points][blocks][AXIS_TAPS][parts][2] squares */
	bool add;			/* to what is there */
	float *sums;			/* [points][runs][AXIS_RUN][32] */
} axis_sums;

/* A sum of products of n left and right factors: two left ones below each other with two right ones beside each other. */
typedef struct axis_products {
	int parts, n;
	const uint16_t *left, *right;
	const int *at;			/* [n]: squares from `left` to the left factor of a product; the right ones follow each other */
	size_t left_below, left_apart;	/* numbers to the one below, from part to part */
	size_t right_beside, right_apart;
	bool add;			/* to what is there */
	float *sums;			/* [32][32] */
} axis_products;

typedef void to_square(int p, int parts, const float *const *tile, size_t step, uint16_t *to, size_t point, size_t part);

typedef struct axis_kernels {
	/* One tile of the input, p voxels at x, `step` floats apart, with `blocks` times 32 channels: the row of axis_sums.in that begins
	 * at `to` in its first block, point and part. */
	void (*input)(int p, int parts, const float *x, size_t step, int blocks, uint16_t *to, size_t rows);
	/* Weights of 32 input and 16 output channels: taps [27][32][16], of which those of the axis are `along` and those of the other two
	 * u and v apart: squares of AXIS_TAPS taps (u, v), 2*parts from the next, and p points, `apart` numbers from the next. */
	void (*weights)(int p, int parts, const float *taps, int along, int u, int v, uint16_t *to, size_t apart);
	void (*multiply)(const axis_sums *s);
	/* The outputs of one tile, from m[i*apart + k] for point i and channel k < n <= 32, with bias (whole vectors) and add (NULL: none;
	 * as out): to out[i*step + k] for i < valid. */
	void (*output)(int p, const float *m, size_t apart, int n, const float *bias, const float *add, float *out, size_t step,
		       int valid);
	/* 16 channels of 32 tiles as one square for each point, `point` numbers apart, in parts `part` apart: of inputs as left factors, of
	 * gradients (p - 2 voxels of a tile, adjoint of the output transform) as right ones. tile: [32], the first voxels. */
	to_square *inputs, *gradients;
	void (*correlate)(const axis_products *p);
	/* Adds the taps of 16 output channels to w[l*row + k*along], k < 3, l < n: u[p*apart + l]. */
	void (*adjoint)(int p, const float *u, size_t apart, int n, float *w, size_t row, int along);
} axis_kernels;

#endif
