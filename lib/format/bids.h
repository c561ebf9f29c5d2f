/* Names as BIDS has them: entities "sub-01_ses-M12_run-1_T1w". */
#ifndef FORMAT_BIDS_H
#define FORMAT_BIDS_H

#include <stdbool.h>

#include "format/lat.h"

/* The label of entity `key` in a name, wherever it stands: of "sub-01_acq-x_T1w", "acq": "x". false, and "": there is none. */
bool bids_entity(char label[LAT_MAX_ID + 1], const char *name, const char *key);

/* The BIDS entities of a record's id: "sub-01_ses-M12_T1w" is participant "sub-01", session "ses-M12". An id without sub- is a participant
 * as a whole; without ses- the session is "". */
typedef struct bids_id {
	char participant[LAT_MAX_ID + 1], session[LAT_MAX_ID + 1];
} bids_id;
bids_id bids_parse(const char *id);

/* "sub-01" -> "01", "ses-M12" -> "M12"; what has no prefix is a label as it is. Points into `entity`. */
const char *bids_label(const char *entity);

/* Months of the entity ses-M<n> in an id; false when there is none. */
bool bids_months(double *months, const char *id);

#endif
