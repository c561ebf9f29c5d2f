/* The types of real numbers that a NIfTI image may have. */
#ifndef NII_TYPE_H
#define NII_TYPE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct nii_type {
	int code; /* DT_* */
	size_t size; /* bytes */
	const char *name;
	bool whole; /* whole numbers, of [least, most] */
	double least, most;
	double (*load)(const unsigned char *p); /* in this machine's byte order; p need not be aligned */
	void (*store)(unsigned char *p, double v); /* v within the bounds; whole where the type is */
} nii_type;

/* NULL for complex, colour, single bits and what is not known. */
const nii_type *nii_type_find(int code);

#endif
