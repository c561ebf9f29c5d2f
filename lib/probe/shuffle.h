/* Labels that mean nothing: a control of how well a probe seems to do where there is nothing to learn. */
#ifndef PROBE_SHUFFLE_H
#define PROBE_SHUFFLE_H

#include "base/err.h"
#include "probe/cases.h"

/* Deals the labels of the cases (cases_finish) out anew among the subjects, all permutations being equally likely: a function of the seed
 * and the subjects' names. A subject's records get the labels of another one's in their order, over again when that one has fewer. So who
 * had one label at all records has one again. ERR_OS. */
int cases_shuffle(cases *c, unsigned long seed, err *e);

#endif
