/* What probes found, as text for people (tables, cells separated by tabs) or as JSON, one object on a line. Each text ends with a newline
 * and is freed with free(); ERR_OS; ERR_DATA: a name is no UTF-8. */
#ifndef PROBE_REPORT_H
#define PROBE_REPORT_H

#include <stdbool.h>

#include "base/err.h"
#include "probe/division.h"
#include "probe/labelled.h"
#include "probe/metrics.h"
#include "probe/probe.h"

/* The heading of the lines that report_prediction makes. */
int report_heading(char **text, enum probe_task task, err *e);
/* A record's id, participant, session, and what f says: the probability of the positive class, or the value. */
int report_prediction(char **text, enum probe_task task, const char *id, double f, bool json, err *e);
/* The task's metrics with their intervals and, where there are several repeats, the standard deviation between these; those that are not
 * defined are n/a or null. */
int report_metrics(char **text, enum probe_task task, const interval found[METRICS], int repeats, bool json, err *e);
/* The predictions of a cross-validation, f [repeats][l->c.n], with fold and label, by the divisions d [repeats], which are numbered from 1
 * where there are several. */
int report_cross(char **text, enum probe_task task, const labelled *l, const division *d, int repeats, const double *f, err *e);
/* A probe: what it is and was fitted on, and its numbers. */
int report_probe(char **text, const probe *p, bool json, err *e);

#endif
