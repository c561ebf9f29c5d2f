/* Are drawn brains made of what real ones are made of? */
#ifndef REALISM_LOCAL_H
#define REALISM_LOCAL_H

#include <stdint.h>

#include "realism/scans.h"

enum { LOCAL_DIVISIONS = 5 };

/* The Frechet distance (frechet.h) of features (features.h) inside between drawn scans and as many real ones, by that between two lots
 * of so many real ones: means over five divisions of the real scans in halves, chosen by the seed, and over both halves. A lot is half of
 * the real scans, or less when fewer are drawn, for the distance depends on how many there are. About 1: as near as real ones to each
 * other. ERR_DATA: fewer than four real scans or two drawn ones, no box inside, real scans that are all the same; ERR_OS. */
int local_compare(double *out, const scans *real, const scans *drawn, const inside *b, uint64_t seed, err *e);

#endif
