/* AutoencoderKL (MONAI's, as LDAE uses it): scan <-> compressed latent. */
#ifndef MODEL_AUTOENCODER_H
#define MODEL_AUTOENCODER_H

#include "model/config.h"
#include "nn/graph.h"

/* With `anchored`, layers of weights [latent, block] and [block, latent] besides the published ones: blocks of f voxels a side to their
 * scores along principal components, and back. A block's numbers lie patch after patch, voxels of a patch together, each x before y before
 * z. They are learned from scans (train/anchor.h) and never trained: the latents stay close to a linear map of the scan, in which
 * neighbours tell of each other, and the networks learn what is to be added to it. */
#define AUTOENCODER_COMPONENTS "components."
#define AUTOENCODER_ENCODE AUTOENCODER_COMPONENTS "encode"
#define AUTOENCODER_DECODE AUTOENCODER_COMPONENTS "decode"
/* Numbers in a block of f voxels a side. */
int64_t autoencoder_block(const ae_config *a);

/* x [b,X,Y,Z,image] in 0..1 -> mean [b,X/f,Y/f,Z/f,latent]; *log_var (NULL: not wanted, and not computed) the logarithm of the
 * posterior's variance, not clamped. */
layer *autoencoder_encode(graph *g, const ae_config *a, layer *x, layer **log_var);

/* z [b,X/f,Y/f,Z/f,latent] -> voxels [b,X,Y,Z,image], not clamped. */
layer *autoencoder_decode(graph *g, const ae_config *a, layer *z);

/* Lists every parameter of both ways, under the authors' names. Freed with table_free. */
int autoencoder_table(const ae_config *a, param_table *t, err *e);

#endif
