/* What a user should hear of the labels before a figure is trusted. */
#ifndef PROBE_DOUBTS_H
#define PROBE_DOUBTS_H

#include "base/err.h"
#include "probe/labelled.h"

typedef void doubts_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Says, a line each, with the values and how many records have each: records left out because their label is missing, or of neither class;
 * a positive class that is told from more than one other value; other values that may be its name in another spelling; numbers that look
 * like codes for missing values. Called behind the last record. ERR_OS. */
int doubts_say(const labelled *l, const probe *p, doubts_warn *warn, err *e);

#endif
