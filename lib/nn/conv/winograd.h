/* Winograd convolution of 3x3x3 kernels (Lavin & Gray 2016, "Fast algorithms for convolutional neural networks"): what its forms share.
 * Not for users of nn.
 *
 * The output is cut into tiles of m voxels on each axis. The p inputs that a tile reads on each axis become p points by a small matrix B',
 * the taps by G; input and taps are multiplied at each point, over input channels, and the points become m outputs by A':
 *
 *      Y = A' [ (G g G') . (B' d B) ] A          (in three dimensions: on each axis)
 *
 * which takes p products an axis instead of 3m. bricks.c takes bricks of tiles through all of it, blocks.c blocks of channels, axis.c does
 * it on one axis. The weight gradient is the exact adjoint: dU = sum over tiles of (B' d B)' (A dy A'), dg = G' dU G. */
#ifndef NN_CONV_WINOGRAD_H
#define NN_CONV_WINOGRAD_H

#include "nn/conv/algorithm.h"

/* A cube, in steps of one or two, with channels enough for vectors. */
bool winograd_fits(const conv_shape *conv);
/* Does it read an input with every voxel doubled, and have one output for each of these? There is a tile for that, which reads the input as
 * it is stored. */
bool winograd_doubles(const conv_shape *conv);
wino_tile winograd_tile(const conv_shape *conv);
/* The tile of the data gradient of a convolution that doubles: in steps of two over the output's gradient. */
wino_tile winograd_gathering(void);
int winograd_points(wino_tile t);
/* The input as these tiles read it: as it is stored, if they double the voxels themselves. */
conv_source winograd_source(const conv_source *in, wino_tile t);

/* The data gradient as a convolution with flipped kernels, by whatever algorithm suits that; by conv_tiles for a stride of two. What it
 * takes of work space, and of what lasts. */
void winograd_data_gradient(graph *g, const conv_task *task, const conv_gradients *to);
size_t winograd_data_room(const graph *g, const conv_shape *conv, const param *weight);
size_t winograd_lasting(const conv_shape *conv, const param *weight, bool back);

/* ---- weights ---- */

/* Taps of FACTOR_ROWS input channels (rows) by LANES output channels (columns), across: tap k of row i and column l at
 * v[k*tap + i*row + l]. */
typedef struct winograd_taps {
	float *v;
	size_t tap, row;
} winograd_taps;

/* Reads the taps of n <= FACTOR_ROWS rows from r on and of LANES columns from c on; zeros where there are none. Rows are the channels that
 * the task reads: output channels of a flipped kernel. Many weights are copied, in runs as they lie in memory, before they are read across
 * those runs: it is the memory that limits there. */
void winograd_read(const conv_task *task, int r, int c, int n, const winograd_taps *to);

/* Transformed weights: at each point a right factor [rows][columns] for products (factor_kernels), `stride` floats from the next. */
typedef struct winograd_weights {
	int rows, columns;
	const factor_kernels *kernels;
	float *u;
	size_t stride;
} winograd_weights;

/* Is a product with so many pairs of channels long enough to pay for what goes before it: cutting factors, reading the weights of a
 * brick? */
bool winograd_is_large(int rows, int columns);
winograd_weights winograd_weights_of(int rows, int columns, float *u);
/* Transforms the taps of FACTOR_ROWS rows (or up to the last row) from r on and LANES columns from c on, for the plane of points with
 * number x on the first axis, into w, whose u is that of the plane's first point. */
void winograd_transform(wino_tile t, int x, const winograd_taps *taps, int r, int c, const winograd_weights *w);

/* ---- results ---- */

/* Products of tiles at all points: of a tile at m[p*stride]. */
typedef struct winograd_products {
	const float *m;
	size_t stride;
	int first, n; /* output channels */
	const float *bias; /* of these, whole vectors */
	double *sums; /* of the result, as the kernel takes them; NULL: not wanted */
} winograd_products;

/* Stores the tile of volume b whose first output voxel is `at`. */
void winograd_store(const conv_task *task, wino_tile t, int b, const int at[3], const winograd_products *from);
/* bias of n channels, zeros behind them up to `all`, in `to`. */
void winograd_pad_bias(const float *bias, int n, int all, float *to);

#endif
