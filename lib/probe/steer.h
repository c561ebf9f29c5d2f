/* Moving a code along the direction of a probe. */
#ifndef PROBE_STEER_H
#define PROBE_STEER_H

#include "base/err.h"
#include "probe/probe.h"

/* How far a code is moved: by so many of the usual lengths of a standardised code, sqrt(P); or in the unit of the probe's target, so that
 * the probe reads a value of the code, or so much more than it did. */
enum steer_unit { STEER_BY, STEER_TO, STEER_ADD };

/* What moving a code has changed. */
typedef struct steered {
	double by; /* how far it was moved, in the usual lengths */
	double from, to; /* what the probe reads of it before and after (probe_reading) */
} steered;

/* y [P] := ((y - m)/s + k sqrt(P) w/|w|) s + m: by k along the probe's weight, in standardised codes, whose length is about sqrt(P)
 * (LDAE, arXiv 2504.08635, section 2.5; Preechakul et al. 2022, Diffusion Autoencoders). Positive k moves towards the higher value or the
 * positive class. STEER_BY: k is `amount`. As the probe's f(y) grows by sqrt(P) |w| for each k, STEER_TO and STEER_ADD take the one k that
 * brings f where it is asked to be; of a classification STEER_TO is a probability between 0 and 1 (excluded).
 * *out is what has changed. ERR_DATA when the probe has no direction (its weights are 0). */
int probe_steer(steered *out, const probe *p, float *y, enum steer_unit unit, double amount, err *e);

#endif
