/* Layers of the network that looks at scans (features.h), which has no way back. */
#ifndef REALISM_LAYERS_H
#define REALISM_LAYERS_H

#include "nn/graph.h"

/* max(x, 0). */
layer *relu(graph *g, layer *x);
/* Means over boxes of side^3 voxels, `step` apart (boxes.h): [b,X,Y,Z,C] -> [b,X',Y',Z',C], X' = boxes_along(X, side, step). ERR_DATA for a
 * grid that holds no box. */
layer *box_means(graph *g, layer *x, int side, int step);

#endif
