/* The records of a stream that a table has labels for, as cases: of a probe that is fitted to them or judged by them. */
#ifndef PROBE_LABELLED_H
#define PROBE_LABELLED_H

#include <stddef.h>

#include "base/err.h"
#include "format/lat.h"
#include "probe/cases.h"
#include "probe/code.h"
#include "probe/cross.h"
#include "probe/labels.h"
#include "probe/probe.h"
#include "probe/tally.h"

typedef struct labelled {
	label_table table; /* of the target; read by labels_read */
	code_maker maker;
	cases c;
	char **ids; /* [c.n] of the records */
	size_t ids_room;
	tally values; /* those met, of records that are left out, too (LABEL_MISSING, LABEL_OTHER) */
} labelled;

/* Adds a record that has a label. The probe p says which tensor is the code, and of a classification which values are the two classes:
 * those it was fitted on. Of a probe yet to be fitted (p->n is 0) it is `negative` against p->positive, NULL: any other value; those met
 * are noted in p->negative, which is a list. A value that says "missing" counts all the same when it is the name of a class. ERR_DATA: the
 * table does not know the record, a label is no number, as code_read and cases_add; ERR_OS. */
int labelled_add(labelled *l, probe *p, const char *negative, lat_record *r, err *e);
/* ERR_DATA of a classification when all records, or none, are positive: then there is nothing to learn. */
int labelled_classes(const labelled *l, const probe *p, err *e);
/* Fits p, whose task, names and classes are set, to the cases (cases_finish). Errors as cross_fit, behind the target's name. */
int labelled_fit(probe *p, const labelled *l, const fit_options *how, err *e);
/* Frees what l holds. */
void labelled_free(labelled *l);

#endif
