/* Scaled dot-product attention (Vaswani et al. 2017, equation 1), several heads. */
#ifndef NN_ATTENTION_H
#define NN_ATTENTION_H

#include "nn/dropout.h"
#include "nn/nn.h"

/* Where the channels of each head lie: head h has first + h*step .. first + h*step + width - 1 of t [b,X,Y,Z,c]. */
typedef struct attention_part {
	tensor *t;
	int first, step;
} attention_part;

typedef struct attention_spec {
	attention_part q, k, v; /* may be parts of one tensor; k and v have the same grid, q may have another */
	int heads, width; /* width: channels of one head */
	const dropout *drop; /* of the weights, NULL: none; weight (b, head, query, key) is element
				((b*heads + head)*queries + query)*keys + key */
} attention_spec;

/* softmax(q k^T / sqrt(width)) v over the voxels of k: q's [b,X,Y,Z] with heads*width channels, head after head. References to the parts
 * remain the caller's. Scores are held for a block of queries at a time. ERR_BUG when the parts do not fit together. */
tensor *nn_attention(nn *c, const attention_spec *s);

#endif
