/* Inside lib/cli: the ranges of numbers that options take, and what is said of them. */
#ifndef CLI_RANGE_H
#define CLI_RANGE_H

#include "cli/cli.h"

enum { RANGE_TEXT = 96 };

/* Does the table give a range? */
bool range_given(const struct cli_range *r);
/* Is v in it? Where none is given, every number is. */
bool range_holds(const struct cli_range *r, double v);
/* "from 1 on", "from 0 to 1", "above 0 and at most 10", "from 0 to 1, but not 1", of a range that is given. */
void range_text(char text[RANGE_TEXT], const struct cli_range *r);

#endif
