/* SHA-256 as text. The hashing itself is nettle's: sha256_init, sha256_update. */
#ifndef BASE_SHA_H
#define BASE_SHA_H

#include <nettle/sha2.h>

enum { SHA_TEXT = 65 };	/* 64 hexadecimal digits and the end of the text */

/* Ends the hash: its digest in lower-case hexadecimal. h is ready for another message. */
void sha256_text(struct sha256_ctx *h, char text[SHA_TEXT]);

#endif
