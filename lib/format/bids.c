#include "format/bids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The place of entity `key` ("ses") in a name; NULL: it has none. */
static const char *find(const char *name, const char *key)
{
	size_t n = strlen(key);
	for (const char *p = name; p; p = strchr(p, '_')) {
		p += *p == '_';
		if (!strncmp(p, key, n) && p[n] == '-')
			return p;
	}
	return NULL;
}

bool bids_entity(char label[LAT_MAX_ID + 1], const char *name, const char *key)
{
	const char *p = find(name, key);
	*label = 0;
	if (p) {
		p += strlen(key) + 1;
		snprintf(label, LAT_MAX_ID + 1, "%.*s", (int)strcspn(p, "_"), p);
	}
	return p != NULL;
}

bids_id bids_parse(const char *id)
{
	bids_id who = { "", "" };
	const char *participant = find(id, "sub"), *session = find(id, "ses");
	snprintf(who.participant, sizeof who.participant, "%.*s", participant ? (int)strcspn(participant, "_") : LAT_MAX_ID,
		 participant ? participant : id);
	if (session)
		snprintf(who.session, sizeof who.session, "%.*s", (int)strcspn(session, "_"), session);
	return who;
}

const char *bids_label(const char *entity) { return entity + (!strncmp(entity, "sub-", 4) || !strncmp(entity, "ses-", 4) ? 4 : 0); }

bool bids_months(double *months, const char *id)
{
	char session[LAT_MAX_ID + 1];
	if (!bids_entity(session, id, "ses") || *session != 'M')
		return false;
	size_t digits = strspn(session + 1, "0123456789");
	if (!digits || digits > 5 || session[1 + digits])
		return false;
	*months = strtod(session + 1, NULL);
	return true;
}
