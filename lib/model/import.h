/* Networks in a checkpoint from elsewhere: which there are, under which prefix, with what configuration. The authors' names are ours, so
 * that a network is found by a tensor that only it has, and its configuration by the names and shapes of the others. */
#ifndef MODEL_IMPORT_H
#define MODEL_IMPORT_H

#include <jansson.h>

#include "base/err.h"
#include "base/sha.h"
#include "format/checkpoint.h"
#include "model/config.h"

typedef struct import_part {
	const char *kind; /* "autoencoder", "semantic", "shift_unet", "unet", "discriminator" */
	char prefix[512]; /* "ema_decoder.", "callbacks/ema/model.", or "" */
	bool beside; /* not in the dictionary that counts */
} import_part;

enum { IMPORT_MAX_PARTS = 64, IMPORT_LIST = 480 };

typedef struct import {
	checkpoint file;
	const char *source; /* the file's name without its folder, borrowed */
	import_part all[IMPORT_MAX_PARTS]; /* every network there is */
	int n_all;
	import_part parts[4]; /* those chosen, at most one of a kind, an autoencoder or a semantic encoder before what is built on it */
	int n;
	json_t *config; /* of all: the published conventions, what shapes tell, what was given */
	model_config parsed;
} import;

/* Opens a checkpoint and chooses its networks: those with `prefix` (with or without its last point or slash; NULL: any), and without it
 * those of other dictionaries only where the one that counts has none of their kind. Of two of a kind whose prefixes differ by "ema_"
 * alone the moving average is taken; otherwise two of a kind are an error that names their prefixes. A discriminator is seen, and left
 * out. ERR_NOINPUT, ERR_CONFIG. import_close also when it failed. */
int import_open(import *in, const char *path, const char *prefix, err *e);
/* Does its prefix say that a network is a moving average? */
bool import_is_average(const import_part *p);
/* The dictionaries that hold tensors, and how many: "state_dict (102), ema (51)". In `list`, which is returned. */
const char *import_dictionaries(const import *in, char list[IMPORT_LIST]);
void import_close(import *in);

/* Finds the configuration, and checks that each network has every parameter with its shape. `given` (may be NULL) is a configuration whose
 * keys go before what is found: groups, heads, volume, plane and the diffusion's conventions are in no shape, and as published when not
 * given. ERR_CONFIG, the reason alone. */
int import_configure(import *in, const json_t *given, err *e);

/* Of a configured import, what no name or shape tells and `given` (may be NULL) does not say: "unet.groups 32, volume 128x160x128". */
int import_assumed(const import *in, const json_t *given, char list[IMPORT_LIST], err *e);

/* Writes part i to FOLDER/KIND.safetensors: float32, but float16 of rank 2 and more as it is. Metadata: kind, config, preparation, source
 * (the file's name without its folder) and prefix, of diffusion networks the identities and conventions of the autoencoder and the semantic
 * encoder that are in FOLDER; identity. Errors as st_write, ERR_CONFIG when a checksum or a type is wrong. */
int import_write(import *in, int i, const char *folder, bool force, const json_t *preparation, err *e);
/* The checksums of all that import_write will read, and that every number of it is finite: so that an unusable file leaves nothing behind.
 * ERR_CONFIG, the reason alone. */
int import_verify(import *in, err *e);

#endif
