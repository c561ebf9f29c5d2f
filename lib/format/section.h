/* One object of a configuration, read key by key. Absent keys leave the value as it is (the default), unknown keys are ignored, and the
 * first impossible value is kept as an error: "OBJECT: SECTION.KEY: reason", ERR_CONFIG; what follows does nothing. So a section is read
 * without checks, and s.code is asked once at the end. Whoever wants unknown keys refused has the readers' keys recorded. */
#ifndef FORMAT_SECTION_H
#define FORMAT_SECTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct section {
	const json_t *json;		/* NULL: absent */
	const char *object;		/* for messages */
	char name[64];			/* "training.augment"; "": the outermost object */
	err *e;
	int code;
} section;

/* root itself with name "", else the object root[name]. */
section section_open(const json_t *root, const char *object, const char *name, err *e);
/* The object outer[name]. */
section section_inside(const section *outer, const char *name);
void section_int(section *s, const char *key, int lo, int hi, int *value);
void section_int64(section *s, const char *key, int64_t lo, int64_t hi, int64_t *value);
void section_real(section *s, const char *key, double lo, double hi, double *value);
void section_flag(section *s, const char *key, bool *value);
/* A list of `least` to `most` whole numbers; its length in *n (may be NULL). */
void section_ints(section *s, const char *key, size_t least, size_t most, int lo, int hi, int *values, int *n);
/* A list of `least` to `most` numbers, as section_ints; its length in *n. */
void section_reals(section *s, const char *key, size_t least, size_t most, double lo, double hi, double *values, int *n);
/* One of `choices` (ends with NULL): its place in the list. */
void section_choice(section *s, const char *key, const char *const *choices, int *value);
/* A reason of the reader's own, unless there is an error already. */
void section_refuse(section *s, const char *key, const char *reason, ...) __attribute__((format(printf, 3, 4)));

/* From now on every section and key that a reader asks for becomes an entry of `known`, an object ("training", "training.steps"): the
 * readers need no table of their keys. NULL ends it. Not for several threads. */
void section_record(json_t *known);
/* A key that is read elsewhere. */
void section_know(section *s, const char *key);
/* ERR_CONFIG for the first key of root, at any level, that `known` does not have; names the one that is most like it. What is inside of a
 * section of which no key is known is not looked at. */
int section_check(const json_t *root, const json_t *known, const char *object, err *e);

#endif
