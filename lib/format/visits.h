/* When the visits of a participant were: sub-X_sessions.tsv, as BIDS has it. */
#ifndef FORMAT_VISITS_H
#define FORMAT_VISITS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

typedef struct visit {
	char *session; /* label or entity, as the table has it */
	double months; /* NAN: not known */
} visit;

typedef struct visits {
	visit *all; /* [n] rows of the table */
	size_t n;
	char **notes; /* [noted] what a user should hear */
	size_t noted, notes_cap;
} visits;

/* Reads the table at `path`: column session_id with `months`, or with `acq_time`, of which months are those since the earliest date
 * (30.4375 days each; the time of day does not count). A table without these: no visits. What is no number or no date is said, and then
 * nothing, or of dates nothing of the whole table, is known: the first may be the one that cannot be read. Said too: months below 0, visits
 * whose months do not follow the numbers in their labels, a session twice. Errors as tsv_read. Freed with visits_free, also when it failed.
 */
int visits_read(visits *v, const char *path, err *e);
/* Months of a session ("ses-2" or "2"), NAN: not known. */
double visits_months(const visits *v, const char *session);
void visits_free(visits *v);

/* A day, counted from 1970, of a date as BIDS writes it: YYYY-MM-DD, perhaps with Thh:mm[:ss[.f]] and Z or an offset. false for all else:
 * days that are in no calendar, two digits of a year, other orders, years before 1600 or behind 2200, which stand for no date. */
bool visits_day(double *day, const char *text);

#endif
