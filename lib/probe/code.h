/* Codes as records hold them. */
#ifndef PROBE_CODE_H
#define PROBE_CODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/sha.h"
#include "format/lat.h"
#include "probe/probe.h"

/* What made the codes that are used together. */
typedef struct code_maker {
	char *kind; /* "semantic", freed with free(); NULL: not known yet */
	char identity[SHA_TEXT];
	json_t *conventions; /* a reference; NULL: not told */
	bool any; /* codes that another model made are taken all the same */
} code_maker;

void code_maker_free(code_maker *m);

/* A record's code, its tensor p->tensor, in *code [*n], freed with free(). Codes of two models do not mix: the first that names its model
 * tells *m, the others must agree; a tensor from outside has no model. ERR_DATA: no such tensor, another model's (unless m->any), other
 * than p->n numbers (0: any number); ERR_OS. */
int code_read(float **code, size_t *n, code_maker *m, const probe *p, lat_record *r, err *e);

#endif
