/* Scaled dot-product attention (Vaswani et al. 2017, equation 1), several heads. */
#ifndef NN_ATTENTION_H
#define NN_ATTENTION_H

#include "nn/graph.h"

/* Where the channels of each head lie: head h has first + h*step .. first + h*step + width - 1 of x [b,X,Y,Z,c]. */
typedef struct attention_part {
	layer *x;
	int first, step;
} attention_part;

typedef struct attention_spec {
	attention_part q, k, v; /* may be parts of one value; k and v have the same grid, q may have another */
	int heads, width; /* width: channels of one head */
	double rate; /* in [0,1): how often a weight is dropped in runs that draw numbers */
	const char *use; /* what those are drawn for (graph_random), behind the names that are entered; weight (b, head, query, key) is
			  * element ((b*heads + head)*queries + query)*keys + key */
} attention_spec;

/* softmax(q k^T / sqrt(width)) v over the voxels of k: q's [b,X,Y,Z] with heads*width channels, head after head. Scores are held for a
 * block of queries at a time. ERR_BUG when the parts do not fit together, and for another rate. */
layer *attention(graph *g, const attention_spec *s);

#endif
