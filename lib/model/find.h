/* Where a model is. */
#ifndef MODEL_FIND_H
#define MODEL_FIND_H

#include "base/err.h"

#define MODEL_DEFAULT "brain3mm"

/* The path of kind's weights ("autoencoder": .../autoencoder.safetensors) of the model `what`: a file is taken as it is, a folder holds
 * KIND.safetensors, any other text without a slash is the name of a folder in one of: the folders of $LATPIPE_MODELS (separated by
 * colons), models/ beside the build folder of the running program, ../share/latpipe/models of its installation, in this order.
 * NULL: MODEL_DEFAULT. ERR_NOINPUT when there is none. *path is freed with free(). */
int model_find(char **path, const char *what, const char *kind, err *e);

/* The path of the mean of registered brains of the model `what`: mean.nii.gz beside its autoencoder's weights. *path is NULL when it has
 * none, else freed with free(). ERR_NOINPUT when there is no such model. */
int model_find_mean(char **path, const char *what, err *e);

#endif
