/* The semantic encoder of LDAE (arXiv 2504.08635, section 2.2): scan -> code. A ConvNeXt (Liu et al. 2022) looks at each slice, the
 * slices' places are added, soft attention over them makes a query, and cross attention of that query over all slices makes the code. */
#ifndef MODEL_SEMANTIC_H
#define MODEL_SEMANTIC_H

#include "model/config.h"
#include "nn/graph.h"

/* With `coarse`, a layer besides the published ones, [embedding, numbers of a coarse scan]: what it makes of the coarse scan is added to
 * the code. It holds principal components of coarse scans (train/sem_begin.h), and is not trained: the code tells at least what they tell,
 * and the networks learn what is to be added to it. */
#define SEMANTIC_COMPONENTS "components"

/* Lists every parameter under the authors' names, each once. Freed with table_free. */
int semantic_table(const sem_config *s, param_table *t, err *e);

/* Appends the parameters of a network that is to be trained from scratch, drawn from (seed, name): the ConvNeXt as torchvision begins
 * (matrices and taps normal with deviation .02, offsets 0 but for the first convolution's, layer scales as configured), the attention as
 * PyTorch does; the code of a slice's place is a formula (Vaswani et al. 2017, section 3.5: even columns sines, odd ones cosines) and takes
 * no gradient. */
int semantic_fresh(const sem_config *s, uint64_t seed, params *ps, err *e);

/* The authors' state dict holds the ConvNeXt a second time, under slice_distributed.module. instead of backbone.: the second copies are
 * forgotten, or renamed where the first is not there. ERR_CONFIG when the two differ. */
int semantic_names(params *ps, err *e);

/* Voxels along each side of the boxes that a coarse scan has the means of, on a volume n[3]; 0 for an encoder without, and for a volume
 * that is no such multiple of the coarse grid. */
int semantic_box(const sem_config *s, const int n[3]);

/* Numbers in a coarse scan. */
int semantic_coarse_count(const sem_config *s);
/* The coarse scan of x [b,X,Y,Z,1]: of each box the mean or, with `shares`, the share of its voxels that lie in each range of intensities,
 * as cerebrospinal fluid, grey and white matter do. The ranges meet softly: a voxel passes from one to the next over .15. [b,1,1,1,count].
 * No gradient. ERR_CONFIG for a volume that semantic_box refuses. */
layer *semantic_coarse(graph *g, const sem_config *s, layer *x);

/* Slices of a volume n[3], and their size. */
void semantic_slices(const sem_config *s, const int n[3], int *slices, int size[2]);

/* Scans x [b,X,Y,Z,1] in 0..1 on the model's grid -> codes [b,1,1,1,embedding]. drops: parts are dropped in runs that draw numbers
 * (graph_random). part: x is a part of a volume, for planning; components are left out. */
layer *semantic_encode(graph *g, const sem_config *s, layer *x, bool drops, bool part);

#endif
