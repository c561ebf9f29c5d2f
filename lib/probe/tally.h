/* Which values a column of labels has, and how many records have each: what a user is told of them. */
#ifndef PROBE_TALLY_H
#define PROBE_TALLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* What a value is to a probe. Bits, so that several can be asked for. */
enum label_use {
	LABEL_MISSING = 1, /* no value at all */
	LABEL_POSITIVE = 2, /* of the positive class; of a regression: a number */
	LABEL_NEGATIVE = 4,
	LABEL_OTHER = 8, /* of neither class */
};

typedef struct tally_value {
	char *text;
	enum label_use use;
	size_t records;
} tally_value;

typedef struct tally {
	tally_value *values; /* [n] in the order they were met */
	size_t n, cap;
} tally;

/* More records with this value. ERR_OS. */
int tally_add(tally *t, const char *text, enum label_use use, size_t records, err *e);
/* How many records have values of these uses. */
size_t tally_records(const tally *t, unsigned uses);
/* How many different values there are of these uses. */
size_t tally_kinds(const tally *t, unsigned uses);
/* The values of these uses, the most frequent first: "CN (20), MCI (8)"; of more than 8 the number of the rest. Freed with free(). ERR_OS.
 */
int tally_text(char **out, const tally *t, unsigned uses, err *e);
void tally_free(tally *t);

/* May one value be the other, spelt in another way? Case, blanks, quotes, dots, commas and underscores do not count; numbers are compared
 * as numbers; a single letter may stand for the word that it begins (F, Female). */
bool tally_same_word(const char *a, const char *b);

#endif
