/* Configuration of the networks: JSON as the reference implementation writes it. Keys may be absent (the defaults below are the
 * published ones), unknown keys are ignored, impossible values are refused. */
#ifndef MODEL_CONFIG_H
#define MODEL_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum {
	CONFIG_MAX_COMPONENTS = 1024,
	CONFIG_MAX_SHARES = 8,
	CONFIG_MAX_LEVELS = 8,
	CONFIG_MAX_RES_BLOCKS = 16, /* a level */
	CONFIG_MAX_FACTOR = 256, /* of voxels to latent voxels, a side */
	CONFIG_MAX_NUMBERS = 1 << 30, /* in a scan, in a latent */
	CONFIG_MAX_TIMESTEPS = 10000, /* after many more of the linear schedule's not even a double holds what is left of the signal */
};

/* "autoencoder": AutoencoderKL. Each level but the last halves the three axes: factor patch * 2^(levels-1). */
typedef struct ae_config {
	int levels;				/* length of "channels" */
	int channels[CONFIG_MAX_LEVELS];	/* "channels"          [64,128,128,128] */
	int latent_channels;			/* "latent_channels"   3 */
	int image_channels;			/* "image_channels"    1, and nothing else */
	int res_blocks;				/* "res_blocks"        2, residual blocks a level */
	int groups;				/* "groups"            32, of the group norms; divides every entry of channels */
	int patch;				/* "patch"             1: voxels a side that the first convolution takes together as
						 * channels, and the last one gives: the finest level is that much coarser */
	bool anchored;				/* "anchored"          false; true: latents are principal components of blocks of `factor`
						 * voxels a side (autoencoder.h) and what the network adds to them */
} ae_config;

/* "discriminator": patch discriminator; channels double with each layer. */
typedef struct disc_config {
	int channels;				/* "channels"          64 */
	int layers;				/* "layers"            3 */
} disc_config;

/* "semantic": a ConvNeXt (Liu et al. 2022) on each slice, then attention over the slices. The first convolution divides a slice by 4, each
 * level but the last by 2, rounding down. */
typedef struct sem_config {
	int levels;				/* length of "dims" and of "depths" */
	int dims[CONFIG_MAX_LEVELS];		/* "dims"              [96,192,384,768], channels of each level */
	int depths[CONFIG_MAX_LEVELS];		/* "depths"            [3,3,27,3], blocks of each level */
	int embedding;				/* "embedding"         the last of dims, and nothing else: numbers of the code */
	int heads;				/* "heads"             8; divides embedding */
	int slices;				/* "slices"            128, the most that there are place codes for */
	enum { PLANE_AXIAL, PLANE_CORONAL, PLANE_SAGITTAL } plane; /* "plane" "axial": slices along Z, Y, X */
	int coarse[3];				/* "coarse"            absent: 0; else a grid that the volume's is a multiple of, by one
						 * factor: components of scans on it are added to the code (semantic.h) */
	double shares[CONFIG_MAX_SHARES];	/* "shares"            absent: of a box of the coarse grid the mean counts; else what share
						 * of it lies between each of these intensities and the next: tissues */
	int n_shares;				/* length of "shares" */
	double layer_scale;			/* "layer_scale"       1e-6, where training from scratch begins; small networks that are to
						 * learn from few scans do so sooner with .1 */
	double drop_path;			/* "drop_path"         .4, stochastic depth of the last block, less before it */
	double dropout;				/* "dropout"           .1, of the codes of slices and of the attention's weights */
} sem_config;

/* "unet": the noise predictor on latents. Each level but the last halves Y and Z; X is never reduced. */
typedef struct unet_config {
	int in_channels;			/* "in_channels"       the autoencoder's latent_channels */
	int base_channels;			/* "base_channels"     256, even */
	int levels;				/* length of "multipliers" */
	int multipliers[CONFIG_MAX_LEVELS];	/* "multipliers"       [1,2,3], of base_channels */
	int res_blocks;				/* "res_blocks"        2, residual blocks a level on the way down, one more on the way up */
	int attentions;				/* length of "attention_at" */
	int attention_at[CONFIG_MAX_LEVELS];	/* "attention_at"      [2,4], the factors (1, 2, 4, ..) at which blocks have attention */
	int heads;				/* "heads"             1 */
	int groups;				/* "groups"            32, of the group norms; divides the channels of every level */
	double dropout;				/* "dropout"           .1 */
} unet_config;

/* "losses": weights of the autoencoder's loss besides L1. */
typedef struct loss_config {
	double kl_weight;			/* "kl_weight"         1e-7 */
	double adv_weight;			/* "adv_weight"        .025 */
	double ssim_weight;			/* "ssim_weight"       0, of 1 - SSIM (Zhao et al. 2017); the paper's loss has none */
} loss_config;

/* "diffusion": conventions of the diffusion model on these latents. */
typedef struct diffusion_config {
	int timesteps;				/* "timesteps"         1000 */
	enum { SCHEDULE_LINEAR, SCHEDULE_COSINE } schedule; /* "schedule" "linear" */
	double scale_factor;			/* "scale_factor"      .8730; latents are multiplied by it */
	bool standardised;			/* "standardised"      false; true: latents less their mean, over their standard deviation,
						 * place by place (scaling.h), before they are scaled */
	int components;				/* "components"        0; of the prior (prior.h), 0: none. Of standardised latents alone */
	bool places;				/* "places"            false; true: a code of the place of each voxel is added behind the
						 * first convolution: brains that are registered differ by place */
	double clip;				/* "clip"              1, bound of x0; INFINITY for null: none */
	enum { SHIFT_PUBLISHED, SHIFT_NOISE } shift; /* "shift" "published": G was trained with c_t = -sqrt(1-beta_t)(1-a_{t-1})/
						 * sqrt(1-a_t); "noise": with -sqrt(1-a_t), which is what it is used with in either
						 * case */
	bool shift_places;			/* "shift_places"      false; true: the shift branch gets a code of the place of each
						 * voxel, at the beginning of each level */
} diffusion_config;

typedef struct model_config {
	int volume[3];				/* "volume"            [128,160,128] */
	ae_config autoencoder;
	disc_config discriminator;
	sem_config semantic;
	unet_config unet;
	int latent_dim;				/* "latent_dim"        768, numbers in a semantic code */
	loss_config losses;
	diffusion_config diffusion;
} model_config;

/* Reads a configuration. `object` names it in messages ("object: key: reason"). ERR_CONFIG. */
int config_parse(model_config *c, const json_t *root, const char *object, err *e);
/* The object in a file of JSON, unread: a new reference. ERR_NOINPUT, ERR_CONFIG. */
int config_json(json_t **root, const char *path, err *e);
/* Reads a file of JSON. *root (may be NULL) is a new reference to the whole of it. ERR_NOINPUT, ERR_CONFIG. */
int config_read(model_config *c, const char *path, json_t **root, err *e);
/* Adds to `known` (format/section.h) the keys of a configuration of networks: those that config_parse asks for, and those that are read
 * elsewhere. ERR_OS. */
int config_keys(json_t *known, err *e);
/* The published configuration. */
model_config config_default(void);

/* patch * 2^(levels-1): voxels of an axis per latent voxel. */
int ae_factor(const ae_config *a);
/* 2^(levels-1): latent voxels of Y and Z per voxel of the U-Net's coarsest level. */
int unet_factor(const unet_config *u);

#endif
