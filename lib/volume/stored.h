/* The preparation of the authors of LDAE, `stored`: see prepare.h, which calls this. */
#ifndef VOLUME_STORED_H
#define VOLUME_STORED_H

#include "volume/prepare.h"

/* As `prepare`. */
int prepare_stored(volume *x, prepared *how, const preparation *p, const volume *scan, err *e);

#endif
