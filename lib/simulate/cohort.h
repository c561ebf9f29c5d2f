/* Who changes how fast: subjects of a longitudinal cohort, drawn. */
#ifndef SIMULATE_COHORT_H
#define SIMULATE_COHORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "format/tsv.h"

/* A group of subjects. Rates are in percent a year, of what there is (compound). */
typedef struct cohort_group {
	const char *name;
	double share; /* of all subjects, before shares are divided by their sum */
	int becomes; /* the group whose rates hold from a subject's onset on; -1: none */
	double from, to; /* months of the first and the last onset; between them all are as likely */
	double *rate, *sd; /* [regions]: mean, and sd among subjects */
} cohort_group;

typedef struct cohort {
	cohort_group *groups; /* [n] */
	size_t n, regions;
	const char **region; /* [regions]: their names */
	tsv table; /* what names point into */
} cohort;

/* Reads a table of groups: columns group, share, becomes, onset_from, onset_to (n/a where a group becomes no other), and for each region
 * two columns NAME and NAME_sd. ERR_NOINPUT, ERR_DATA "PATH: line N: reason", ERR_OS. Freed with cohort_free, also when it failed. */
int cohort_read(cohort *c, const char *path, err *e);
void cohort_free(cohort *c);

enum { COHORT_REGIONS = 64 };

typedef struct cohort_subject {
	const cohort_group *group;
	double onset; /* months; INFINITY: none */
	double rate[COHORT_REGIONS], later[COHORT_REGIONS]; /* percent a year before and from the onset on; never above 0 */
} cohort_subject;

/* Draws the subject of this name: a function of the table, the seed and the name alone, whoever else is in the cohort. How far a rate lies
 * from its group's mean is drawn once for a region, in sd and within 2 of them, and holds before and after the onset. */
void cohort_draw(cohort_subject *s, const cohort *c, uint64_t seed, const char *name);
/* Change of the region's volume from month 0 to `months`, percent. */
double cohort_change(const cohort_subject *s, size_t region, double months);
/* The one among n names, other than names[self], that subject `self` is moved towards; self when there is no other. Whether others join or
 * leave the cohort changes it only when it is they who are chosen. */
size_t cohort_other(uint64_t seed, const char *const *names, size_t n, size_t self);
/* A seed for the visit of this name. */
uint64_t cohort_seed(uint64_t seed, const char *name);

#endif
