/* One convolution as numbers, shared by the algorithms behind nn_conv. Not for users of nn. */
#ifndef NN_CONV_JOB_H
#define NN_CONV_JOB_H

#include "nn/conv.h"
#include "nn/internal.h"

typedef struct conv_job {
	shape in;		/* as stored, before upsampling */
	int up[3];
	int virt[3];		/* in.x*up[0] ..: what the kernel slides over */
	shape out;
	int k[3], stride, pad;	/* pad: zeros in front; both on axes with k > 1 only */
	int volumes;		/* that count when an algorithm is chosen: while training all; else one, for no other may change its
				 * bytes */
	const float *affine;	/* [b][2*in.c] or NULL */
	enum act act;
} conv_job;

/* Copies one line of nz voxels (from z0, which may lie outside) of the virtual input at (b, x, y) to dst[nz][cp], through the
 * prologue; zeros outside the grid. */
void conv_load_line(const conv_job *j, const float *in, int b, int x, int y, int z0, int nz, int cp, float *dst);

/* The same for all lines of a box of n[0] x n[1] x n[2] voxels from `first` on: dst [n][n][n][cp]. */
void conv_load_box(const conv_job *j, const float *in, int b, const int first[3], const int n[3], int cp, float *dst);

static inline int up_to(int n, int unit) { return (n + unit - 1) / unit * unit; }
static inline int least(int a, int b) { return a < b ? a : b; }
/* Where the shares of n things begin: share 0 at 0, share `shares` at n. */
static inline int share_of(int n, int share, int shares) { return (int)((long)n * share / shares); }

/* The plain algorithm for any shape: tiles of im2col and sgemm (conv_tiles.c). w: [kx][ky][kz][in][out], or [out][in] for a single tap
 * (pack_taps). */
void conv_tiles_forward(nn *c, const conv_job *j, const float *in, const float *w, const float *bias, const float *add, float *out);
/* The same for one tap without affine and out.c <= in.c, in place: the result lies at the front of x. */
void conv_tiles_over(nn *c, const conv_job *j, float *x, const float *w, const float *bias);
/* d [b][virt][in.c]: gradient at the virtual input, overwritten. */
void conv_tiles_backward_data(nn *c, const conv_job *j, const float *dout, const float *w, float *d);
/* dw [kx][ky][kz][in][out], overwritten. */
void conv_tiles_backward_weight(nn *c, const conv_job *j, const float *in, const float *dout, float *dw);

/* Winograd on one axis, by matrix instructions (winograd_axis.c), for 3x3x3 with stride 1 where these exist and it is the fastest. back:
 * with the flipped, transposed kernel of the data gradient. */
bool axis_fits(const conv_job *j);
void axis_forward(nn *c, const conv_job *j, const float *in, const param *w, bool back, const float *bias, const float *add, float *out);
/* dw: the field's [out][in][3][3][3], added to (winograd_axis_weight.c). */
void axis_backward_weight(nn *c, const conv_job *j, const float *in, const float *dout, float *dw);

/* Winograd, for 3x3x3 with stride 1 or 2 (winograd.c). */
bool wino_fits(const conv_job *j);
wino_tile wino_choose(const conv_job *j);
/* Does the job read an input with every voxel doubled, and have one output for each of these? There are tiles for that. */
bool wino_doubles(const conv_job *j);
/* And one for its data gradient, on a job that reads the gradient in steps of two. */
wino_tile wino_gathering(void);
/* Floats in transformed weights for cin -> cout. */
size_t wino_weight_count(wino_tile t, int cin, int cout);
/* w: the field's [out][in][3][3][3]; back: the flipped, transposed kernel of the data gradient (then cin, cout are swapped). */
void wino_transform_weights(nn *c, wino_tile t, const float *w, int out, int in, bool back, float *u);
/* sums: of the result, as a tensor's, zeroed; NULL: not wanted. */
void wino_forward(nn *c, const conv_job *j, wino_tile t, const float *in, const float *u, const float *bias, const float *add, float *out,
		  double *sums);
/* Kernels of 27 taps as they lie in memory: (r, c) at w[r*row + c*column], to be read backwards if `flip`. */
typedef struct wino_table {
	const float *w;
	size_t row, column;	/* floats */
	int rows, columns;
	bool flip;
} wino_table;
/* Rows are the channels that the job reads: of the field's [no][in][27] at w the first ni input channels; back: as above. */
wino_table wino_table_of(const float *w, int in, int no, int ni, bool back);
/* Taps of the n kernels from row r on in LANES columns from c on, zeros where there are none: to taps[k*st + i*line + l] for tap k of row
 * r+i, column c+l. */
void wino_read_part(const wino_table *k, int r, int c, int n, float *taps, size_t st, size_t line);
/* The same of the parameter itself, for LANES columns. Weights are copied, in runs as they lie in memory, before they are read across those
 * runs: it is the memory that limits here. n <= FACTOR_ROWS. */
void wino_read_weights(const conv_job *j, const param *w, bool back, int r, int c, int n, float *taps, size_t st, size_t line);
/* Transformed weights of one point are a right factor [rows][columns] (factor_kernels), wino_weight_stride floats from the next. Transforms
 * FACTOR_ROWS rows of such taps (or up to the last row), which begin with row r: u + p*up for point p of plane x. */
void wino_transform_part(wino_tile t, int x, const float *taps, size_t st, size_t line, int r, int c, int rows, int columns, float *u,
			 size_t up);
size_t wino_weight_stride(int rows, int columns);
/* The form of such a factor. */
const factor_kernels *wino_factor(int rows, int columns);
int wino_points(wino_tile t);
/* The job as its tiles read it: if they double the voxels themselves, the input is as it is stored. */
conv_job wino_source(const conv_job *j, wino_tile t);
/* One that reads the gradient at j's output. */
conv_job wino_gradient_job(const conv_job *j);
/* Output channels first .. first+n-1 of the tile of volume b whose first voxel is `at`, from m[p*mp]: with bias [n, whole vectors] and add
 * (NULL: none; as out) to out; sums as the kernel takes them. */
void wino_store(const conv_job *j, wino_tile t, int b, const int at[3], const float *m, size_t mp, int first, int n, const float *bias,
		const float *add, float *out, double *sums);
/* Are the weights many, or many for so few voxels? Then a convolution goes by blocks of channels, not by bricks of voxels. */
bool wino_is_wide(const conv_job *j);
/* wino_forward from the parameter itself, which a call transforms block by block (winograd_wide.c). */
void wino_wide_forward(nn *c, const conv_job *j, wino_tile t, const float *in, const param *w, bool back, const float *bias,
		       const float *add, float *out);
/* dw: the field's [out][in][3][3][3], added to. */
void wino_backward_weight(nn *c, const conv_job *j, wino_tile t, const float *in, const float *dout, float *dw);
/* The same by blocks of channels (winograd_wide_weight.c). */
void wino_wide_backward_weight(nn *c, const conv_job *j, wino_tile t, const float *in, const float *dout, float *dw);

#endif
