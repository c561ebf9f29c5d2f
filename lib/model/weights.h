/* A file of weights: parameters, configuration, conventions and identity of one network. */
#ifndef MODEL_WEIGHTS_H
#define MODEL_WEIGHTS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "format/maker.h"
#include "format/safetensors.h"
#include "model/config.h"
#include "nn/param.h"

typedef struct weights {
	st_file *file;			/* the mapping the parameters point into */
	params params;			/* float32; other types are converted to memory of their own */
	const char *kind;		/* metadata "kind"; belongs to file */
	model_config config;
	json_t *config_json;		/* the whole configuration */
	json_t *preparation;		/* metadata "preparation": object, or NULL when absent (then: `stored`) */
	json_t *conventions;		/* conventions_of its kind */
	json_t *others;			/* of a diffusion network: conventions, by kind, of those it works with, as far as they are told */
	char identity[SHA_TEXT];	/* SHA-256 of the data */
	bool identity_stored;		/* false: the file has none, and it was computed now (worth a note to the user) */
} weights;

/* The networks that a diffusion network works with: metadata KIND is the identity, and beside it are the conventions. Ends with NULL. */
extern const struct weights_named {
	const char *kind, *conventions;
} weights_named[];

/* Opens path and checks that its metadata says this kind ("autoencoder", "discriminator", ..; NULL: any) and that every weight is a finite
 * number. ERR_NOINPUT, ERR_CONFIG, ERR_OS. Close with weights_close also when it fails. */
int weights_open(weights *w, const char *path, const char *kind, err *e);
/* The same for networks of any size that only run: what is F16 in the file and read by convolutions alone stays there (param.half), which
 * is half the memory, and values are looked at when a layer first reads them (graph_forward), so that nothing of a large file is read here.
 */
int weights_map(weights *w, const char *path, const char *kind, err *e);
void weights_close(weights *w);
/* Who makes what this network makes. */
maker weights_maker(const weights *w);
/* The autoencoder or semantic encoder that a diffusion network works with, as far as its metadata tell. */
maker weights_works_with(const weights *w, const char *kind);
/* Metadata entry for the conventions of the network of this kind that is named beside it. ERR_OS. */
int weights_note_conventions(json_t *metadata, const char *kind, const json_t *conventions, err *e);
/* The code of a graph in which this network ran; an error of the weights names the file. */
int weights_error(const weights *w, int code, err *e);

/* Gives the parameters of `to` (those for which `which` holds; NULL: all) the values of the parameters of `from` with their names. Those of
 * `to` must not be mapped. ERR_CONFIG names the first that is missing or has another shape. */
int weights_copy(params *to, const weights *from, bool (*which)(const char *name), err *e);

/* How large numbers are stored: matrices and convolutions as said, I8 by eight_bits.h; what else has more than one axis as F16 unless F32
 * is asked for; vectors as F32 always. */
enum weights_store { WEIGHTS_F32, WEIGHTS_F16, WEIGHTS_I8 };

/* What a file of weights holds; everything is borrowed. */
typedef struct weights_content {
	const char *kind;
	const params *params;
	const json_t *config, *preparation; /* metadata of these names; preparation NULL: none */
	const json_t *notes; /* strings that become metadata: provenance, and the identities of networks that this one works with, whose
			      * conventions are written beside them; NULL: none */
	enum weights_store store;
} weights_content;

/* Writes them, with their identity. Errors as st_write. */
int weights_write(const char *path, bool force, const weights_content *w, err *e);

#endif
