/* Inner loops on vectors of channels. One source (kernels.c) is compiled for each level of the instruction set; the level is
 * chosen once, before main (LATPIPE_ARCH=x86-64-v2|x86-64-v3|x86-64-v4 forces one, without matrix instructions). */
#ifndef NN_KERNELS_KERNELS_H
#define NN_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LANES = 16 };	/* channels are handled, and padded in work space, by so many */

enum act { ACT_NONE, ACT_SILU, ACT_LEAKY };	/* LEAKY: slope 0.2 below zero */

/* What a convolution does to its input while loading it: act(scale*x + shift), per channel. */
typedef struct affine_act {
	const float *scale, *shift;	/* [c], both NULL: 1 and 0 */
	enum act act;
} affine_act;

/* How a Winograd convolution cuts the volume: a tile has m outputs on an axis from p inputs by p products, and the inputs of the next tile
 * begin `step` further. (m, p, step) is one of
 *   (2, 4, 2), (4, 6, 4): the three taps slide over the input; any of them on any axis;
 *   (2, 3, 1): they slide over an input whose every voxel is doubled, on all axes;
 *   (2, 5, 4): they slide in steps of two voxels, on all axes;
 *   (1, 3, 2): data gradient of (2, 3, 1), on all axes: an output from four inputs by three products. No sums are taken.
 * P = product of p. */
typedef struct wino_tile {
	int m[3], p[3], step[3];
} wino_tile;

/* To the points of one tile, from voxels of a patch: see wino_input and wino_output_adjoint below. */
typedef void wino_transform(wino_tile t, const float *patch, size_t sx, size_t sy, size_t sz, int n, float *v, size_t sp);

/* out [m,n] = a b, added to what is there if `add`: element (i, l) of a, l < k, lies at a[i*ai + l*ak]; b [k,n] and out have rows of ldb
 * and ldo floats. n is a multiple of LANES. For a few dozen rows of factors that lie in cache (product.c). */
typedef void product_kernel(int m, int n, int k, const float *a, size_t ai, size_t ak, const float *b, size_t ldb, bool add, float *out,
			    size_t ldo);

/* Products with a right factor [rows][columns] that is used again and again, as transformed weights are: it is brought into the form that
 * the processor multiplies fastest. columns: whole vectors. */
typedef struct factor_kernels {
	/* Floats that it takes. */
	size_t (*floats)(int rows, int columns);
	/* Where in u the LANES columns from c on of row r lie, *line floats before those of the next row. NULL: not as floats, see
	 * place. */
	float *(*at)(float *u, int rows, int columns, int r, int c, size_t *line);
	/* If not as floats: puts w [n][LANES], the LANES columns from c on of n <= FACTOR_ROWS rows from r on, into its place in u. r is a
	 * multiple of FACTOR_ROWS, and n is as many unless these are the last rows. */
	void (*place)(float *u, int rows, int columns, int r, int c, int n, const float *w);
	/* out [m][columns] (rows of ldo) = a [m][rows] (rows of lda) times u; added to what is there if `add`. `count` of them, whose a, u
	 * and out are ap, up and op floats apart. out has room for lanes_up(m) rows, of which the last may hold anything. */
	void (*multiply)(int count, int m, const float *a, size_t lda, size_t ap, const float *u, size_t up, int rows, int columns,
			 bool add, float *out, size_t ldo, size_t op);
} factor_kernels;
enum { FACTOR_ROWS = 32 };

/* out [m][n] = a b, added to what is there if `add`; b is [k][n], or [n][k] if b_t; rows of lda, ldb and ldo floats. m and n are multiples
 * of LANES. */
typedef void gemm_kernel(bool b_t, int m, int n, int k, const float *a, size_t lda, const float *b, size_t ldb, bool add, float *out,
			 size_t ldo);

typedef struct kernels {
	const char *level;
	/* dst[i*cp + k] = act(scale[k]*src[i*c + k] + shift[k]) for i < n, k < c; zero for c <= k < cp. */
	void (*load)(float *dst, const float *src, size_t n, int c, int cp, const affine_act *p);
	/* da[i] = d[i] * act'(u); dx = da*scale (stored if fresh, else added; NULL: not wanted); adds da*x and da to the sums
	 * [c] (NULL: not wanted). d, x, dx: [n][c]; dx may be d. */
	void (*load_backward)(float *dx, bool fresh, const float *d, const float *x, size_t n, int c, const affine_act *p,
			      double *sum_scale, double *sum_shift);
	/* Adds the sum and the sum of squares over n voxels of [n][c] to sum[c], square[c] (square NULL: not wanted). */
	void (*moments)(const float *x, size_t n, int c, double *sum, double *square);
	/* B^T d B of one tile: reads patch[(x*sx + y*sy + z*sz) + k], writes v[p*sp + k], k < n (a multiple of LANES). */
	wino_transform *wino_input;
	/* A^T m A of one tile, plus bias[k], plus add (NULL: none; same strides as out): reads m[p*sp + k], writes
	 * out[x*ox + y*oy + z*oz + k] for x,y,z below `valid`, k < c. cp: c rounded up. bias: [cp]. What is written, and its square, is
	 * added to sums [2][cp] (NULL: not wanted). */
	void (*wino_output)(wino_tile t, const float *m, size_t sp, int c, int cp, const float *bias, const float *add, float *out,
			    size_t ox, size_t oy, size_t oz, const int valid[3], double *sums);
	/* A d A^T, the adjoint of the output transform: reads m^3 values of patch as wino_input does, writes P of them. */
	wino_transform *wino_output_adjoint;
	/* The 27 taps of n <= LANES kernels, the rest zeros, across: kernel l, at w[l*apart], read backwards if `flip`, to
	 * taps[k*st + l]. */
	void (*wino_taps)(const float *w, size_t apart, int n, bool flip, float *taps, size_t st);
	/* G g G^T of LANES such kernels, the plane of points with number x on the first axis: to u[i*sp + l]. */
	void (*wino_weight)(wino_tile t, int x, const float *taps, size_t st, float *u, size_t sp);
	/* G^T u G, its adjoint: taps of n <= LANES kernels, which are added to dw[l*apart + tap], from u[p*up + l] summed over `shares` of
	 * these, `own` floats apart. */
	void (*wino_weight_adjoint)(wino_tile t, const float *u, size_t up, int shares, size_t own, int n, float *dw, size_t apart);
	/* Numbers of 16 bits (IEEE half precision) as floats. */
	void (*widen)(float *out, const uint16_t *half, size_t n);
	product_kernel *product;
	const factor_kernels *panels;	/* right factors as columns of floats, product.c */
	const factor_kernels *squares;	/* and for matrix instructions, product_amx.c; NULL: the processor has none */
	gemm_kernel *gemm;		/* large products in one thread; NULL likewise: OpenBLAS is faster than vectors of ours */
	const struct axis_kernels *axis;	/* axis.h; NULL: the processor has no matrix instructions */
	const struct channel_kernels *channels;	/* channels.h */
} kernels;

/* The kernels for this processor. */
const kernels *nn_kernels(void);

static inline int lanes_up(int c) { return (c + LANES - 1) / LANES * LANES; }

#endif
