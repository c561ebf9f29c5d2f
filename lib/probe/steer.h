/* Moving a code along the direction of a probe. */
#ifndef PROBE_STEER_H
#define PROBE_STEER_H

#include "base/err.h"
#include "probe/probe.h"

/* y [P] := ((y - m)/s + k sqrt(P) w/|w|) s + m: by k along the probe's weight, in standardised codes, whose length is about sqrt(P)
 * (LDAE, arXiv 2504.08635, section 2.5; Preechakul et al. 2022, Diffusion Autoencoders). Positive k moves towards the higher value or the
 * positive class. ERR_DATA when the probe has no direction: its weights are 0. */
int probe_steer(const probe *p, float *y, double k, err *e);

#endif
