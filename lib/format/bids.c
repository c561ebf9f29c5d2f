#include "format/bids.h"

#include <stdio.h>
#include <string.h>

bids_id bids_parse(const char *id)
{
	bids_id who = { "", "" };
	const char *session = !strncmp(id, "ses-", 4) ? id : strstr(id, "_ses-");
	if (strncmp(id, "sub-", 4))
		snprintf(who.participant, sizeof who.participant, "%s", id);
	else
		snprintf(who.participant, sizeof who.participant, "%.*s", (int)strcspn(id, "_"), id);
	if (session) {
		session += *session == '_';
		snprintf(who.session, sizeof who.session, "%.*s", (int)strcspn(session, "_"), session);
	}
	return who;
}

const char *bids_label(const char *entity) { return entity + (!strncmp(entity, "sub-", 4) || !strncmp(entity, "ses-", 4) ? 4 : 0); }

bool bids_months(double *months, const char *id)
{
	for (const char *p = id; (p = strstr(p, "ses-M")); p++) {
		unsigned whole;
		int length = 0;
		bool whole_entity = p == id || p[-1] == '_';
		if (whole_entity && p[5] >= '0' && p[5] <= '9' && sscanf(p + 5, "%5u%n", &whole, &length) == 1 &&
		    (p[5 + length] == 0 || p[5 + length] == '_')) {
			*months = whole;
			return true;
		}
	}
	return false;
}
