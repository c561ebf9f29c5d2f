/* Ids of records and names of tensors: both become file names. */
#ifndef BASE_ID_H
#define BASE_ID_H

/* What they are made of. The first character is no dot. BIDS allows + in labels. */
#define ID_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-"
/* The same for messages. */
#define ID_RULE "letters, digits, '.', '_', '+', '-', no dot in front, at most 200"

enum { ID_LONGEST = 200 };

#endif
