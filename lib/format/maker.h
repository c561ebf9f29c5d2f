/* The network that made a tensor, as the tensor's header tells it, or a file of weights. */
#ifndef FORMAT_MAKER_H
#define FORMAT_MAKER_H

#include <jansson.h>
#include <stdbool.h>

#include "format/lat.h"

/* Borrowed. Any of these may be NULL: not known, and then not compared. */
typedef struct maker {
	const char *kind; /* "autoencoder", "semantic", .. */
	const char *identity; /* of its weights */
	const json_t *conventions; /* what changes its results and is in no weight, by name: {"autoencoder.groups": 8} */
	const char *file; /* where its identity and conventions were read, for messages */
} maker;

enum { MAKER_TEXT = 200 };

/* Are theirs and ours one network, by all that both know? Else what differs is in text: "abababababab.., not cdcdcdcdcdcd..", or
 * "autoencoder.groups 8, not 2". Conventions that one of them does not tell, as earlier versions did not, do not differ. */
bool maker_same(const maker *theirs, const maker *ours, char text[MAKER_TEXT]);

/* What a tensor says. */
maker maker_of(const lat_tensor *t);
/* The tensor's "model" becomes {"kind","identity"} and, where they are known, {"conventions"}. Nothing without an identity. ERR_OS. */
int maker_put(lat_tensor *t, const maker *m, err *e);

#endif
