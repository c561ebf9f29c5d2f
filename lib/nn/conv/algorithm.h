/* What a convolution is as numbers, and what an algorithm for it must offer. Not for users of nn.
 *
 * conv.c describes each convolution by a conv_shape and asks conv_choose for the algorithm: the first of the table in
 * algorithms.c that fits. Everything else that differs between algorithms is inside one: how it cuts the volume, how its weights lie, what
 * work space it takes. To add one, write its file, with a conv_algorithm at the end, and name it in the table. */
#ifndef NN_CONV_ALGORITHM_H
#define NN_CONV_ALGORITHM_H

#include "nn/conv/conv.h"
#include "nn/conv/source.h"
#include "nn/layer.h"

/* Sizes alone, so that the same convolution is always done in the same way. */
typedef struct conv_shape {
	shape in; /* as stored, before upsampling */
	int up[3]; /* nearest upsampling while loading */
	int virt[3]; /* the grid that the kernel slides over: in.x*up[0] .. */
	shape out;
	int k[3], stride, pad; /* taps; pad: zeros in front. Stride and pad are of axes with more than one tap only */
	enum act act; /* of the input, while it is loaded */
	int volumes; /* that count when an algorithm is chosen: while training all; else one, for no other may change its bytes */
} conv_shape;

int conv_taps(const conv_shape *conv);
/* Three taps on each axis. */
bool conv_is_cube(const conv_shape *conv);
/* Of a cube with stride 1: the convolution, with flipped and transposed kernels, that makes the gradient at its virtual input. */
conv_shape conv_transposed(const conv_shape *conv);

/* Its input, as it reads it. */
conv_source conv_input(const conv_shape *conv, const float *v, const float *norm);

/* One convolution with its numbers. */
typedef struct conv_task {
	const conv_shape *shape;
	conv_source in;
	const param *weight;
	bool flipped; /* kernels are read backwards, from output to input channels: see conv_transposed */
	const float *bias; /* [out.c] or NULL */
	const float *add; /* added to the result, as large; may be out itself; NULL: nothing */
	float *out;
	bool in_place; /* out is in.v, whose values may go: see the algorithm's in_place */
	double *sums; /* [b][2*out.c]: of the result and its squares, to be stored; NULL: not wanted */
	float *work; /* as much as its room says */
	void *lasts; /* likewise, from run to run (packed_weights.h); NULL: there is none */
} conv_task;

/* The gradients of a convolution; add, out and sums of the task are not read. */
typedef struct conv_gradients {
	const float *dout; /* at the output */
	float *d; /* data gradient: [b][x][y][z][in.c] at the input as it is stored, behind act and affine; overwritten */
	float *dw; /* weight gradient: as the weights lie; added to */
} conv_gradients;

/* Floats of work space that an algorithm takes, and bytes that last from run to run. */
typedef struct conv_room {
	size_t forward, data, weight;
	size_t lasting;
} conv_room;

typedef struct conv_algorithm {
	const char *name;
	/* Can it do this convolution, and is it likely to be faster than those behind it in the table? */
	bool (*fits)(const conv_shape *conv);
	/* What it takes: g tells threads, accuracy, and whether there will be many runs. back: gradients are wanted. */
	void (*room)(const graph *g, const conv_shape *conv, const param *weight, bool back, conv_room *r);
	void (*forward)(graph *g, const conv_task *task);
	void (*data_gradient)(graph *g, const conv_task *task, const conv_gradients *to);
	void (*weight_gradient)(graph *g, const conv_task *task, const conv_gradients *to);
	/* May the result lie in the input's own memory? NULL: never. */
	bool (*in_place)(const conv_shape *conv);
	bool takes_sums; /* while it stores */
} conv_algorithm;

extern const conv_algorithm conv_axis, conv_blocks, conv_bricks, conv_tiles;

/* The algorithm for this shape: one always fits. */
const conv_algorithm *conv_choose(const conv_shape *conv);

/* The data gradient of any convolution, for algorithms that have no better one; and what it takes. */
void conv_tiles_data_gradient(graph *g, const conv_task *task, const conv_gradients *to);
size_t conv_tiles_data_room(const graph *g, const conv_shape *conv);

/* For data gradients of upsampled inputs: floats of one at the virtual input (0 where no axis is upsampled), and the sum of its copies. */
size_t conv_virtual_floats(const conv_shape *conv);
void conv_sum_virtual(const graph *g, const conv_shape *conv, const float *virt, float *d);

/* Floats up to a whole vector of the widest kind. */
static inline size_t up_to_vector(size_t n) { return (n + 15) / 16 * 16; }
static inline int up_to(int n, int unit) { return (n + unit - 1) / unit * unit; }
static inline int least(int a, int b) { return a < b ? a : b; }
/* Where the shares of n things begin: share 0 at 0, share `shares` at n. */
static inline int share_of(int n, int share, int shares) { return (int)((long)n * share / shares); }

#endif
