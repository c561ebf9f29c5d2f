/* The flow that makes space grow and shrink as a field says: the gradient of the solution of Poisson's equation. */
#ifndef SIMULATE_POISSON_H
#define SIMULATE_POISSON_H

#include "base/err.h"

/* Velocities on the faces of voxels (a staggered grid: Harlow & Welch, "Numerical calculation of time-dependent viscous incompressible flow
 * of fluid with free surface", Physics of Fluids 1965). face[a] is what passes through the faces that lie across axis a, in voxels along
 * a for each unit of time: an array like the volume's, [X,Y,Z], but with one more along a. Element i lies at i - 1/2 of the volume's
 * voxels; the first and the last are the box's own faces. face[0] NULL: nothing moves. */
typedef struct flow {
	int n[3]; /* voxels */
	float *face[3];
} flow;

/* The flow whose divergence in each voxel is `source` [X,Y,Z] less its mean, and that is the gradient of a potential; voxels are mm[a]
 * wide. Nothing passes through the box's faces (Neumann's condition: the potential's derivative there is 0), so that the box keeps its
 * volume, which is why the mean must go. Solved exactly, for the Laplacian of seven points, by the cosine transform that has its symmetry
 * (DCT-II: Swarztrauber, "The methods of cyclic reduction, Fourier analysis and the FACR algorithm for the discrete solution of Poisson's
 * equation on a rectangle", SIAM Review 1977). On one thread: the bytes do not depend on the number of threads. Takes 8 bytes a voxel
 * beside the result. ERR_OS. Freed with flow_free, also when it failed. */
int poisson_flow(flow *f, const float *source, const int n[3], const double mm[3], err *e);
void flow_free(flow *f);

#endif
