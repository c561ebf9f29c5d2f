#include "cli/range.h"

#include <math.h>
#include <stdio.h>

bool range_given(const struct cli_range *r) { return r->from != 0 || r->to != 0; }

bool range_holds(const struct cli_range *r, double v)
{
	if (!range_given(r))
		return true;
	return (r->from_excluded ? v > r->from : v >= r->from) && (r->to_excluded ? v < r->to : v <= r->to);
}

void range_text(char text[RANGE_TEXT], const struct cli_range *r)
{
	const double from = r->from, to = r->to;
	if (isinf(to))
		snprintf(text, RANGE_TEXT, r->from_excluded ? "above %.15g" : "from %.15g on", from);
	else if (r->from_excluded)
		snprintf(text, RANGE_TEXT, r->to_excluded ? "above %.15g and below %.15g" : "above %.15g and at most %.15g", from, to);
	else if (r->to_excluded)
		snprintf(text, RANGE_TEXT, "from %.15g to %.15g, but not %.15g", from, to, to);
	else
		snprintf(text, RANGE_TEXT, "from %.15g to %.15g", from, to);
}
