/* The probe that a tool's --probe names. For tools only: these functions exit. */
#ifndef CLI_PROBE_H
#define CLI_PROBE_H

#include "probe/probe.h"

/* Reads the probe `named`: a file, or, when there is no such file and it has no slash, the probe of this name beside the weights of the
 * model (-m): age is its age.safetensors. *path: where it was found, freed with free(). Exits as probe_read fails, and with ERR_NOINPUT
 * when there is neither. */
void cli_probe(probe *p, char **path, const char *named);

#endif
