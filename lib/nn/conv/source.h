/* How a convolution reads its input: through normalisation, activation and nearest upsampling, with zeros around it. Not for users of nn.
 */
#ifndef NN_CONV_SOURCE_H
#define NN_CONV_SOURCE_H

#include "nn/kernels/kernels.h"
#include "nn/shape.h"

typedef struct conv_source {
	const float *v; /* as stored, [b][x][y][z][c] */
	shape s;
	int up[3], virt[3]; /* upsampling, and the grid behind it */
	const float *affine; /* [b][2c]: scale, then shift; NULL: 1 and 0 */
	enum act act;
} conv_source;

/* A value as it is. */
conv_source conv_plain(shape s, const float *v);

/* Copies nz voxels of the line at (b, x, y) from voxel z0 on to dst [nz][cp]; zeros where they lie outside the grid, and for channels
 * that there are not. */
void conv_load_line(const conv_source *from, int b, int x, int y, int z0, int nz, int cp, float *dst);

/* The same for all lines of a box of n[0] x n[1] x n[2] voxels from `first` on: dst [n][n][n][cp]. */
void conv_load_box(const conv_source *from, int b, const int first[3], const int n[3], int cp, float *dst);

#endif
