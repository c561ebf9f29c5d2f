/* Muon (Jordan et al. 2024): momentum whose matrix is made orthogonal before it is applied. A direction in which all weights of a layer
 * can move together, such as the offset of a volume's large empty background, then counts no more than any other; under Adam it swamps
 * the rest, and swings. */
#ifndef TRAIN_MUON_H
#define TRAIN_MUON_H

#include "base/err.h"
#include "nn/param.h"

/* One step, in place, on gradients times `scale`, of a parameter seen as a matrix [rows = n[0], columns = the rest]: m = .9 m + g,
 * p -= lr sqrt(rows/columns) orth(g + .9 m): of features with a root mean square of 1 it moves those of the next layer by at most lr
 * (Yang, Simon and Bernstein 2023, condition 1). orth is five steps of Jordan's Newton-Schulz iteration. m [count]. ERR_OS. */
int muon_update(param *p, float *m, double lr, double scale, err *e);

#endif
