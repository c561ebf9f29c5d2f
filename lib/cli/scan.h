/* Reading scans, and what is said about them. For tools only: these functions print. */
#ifndef CLI_SCAN_H
#define CLI_SCAN_H

#include "nii/nii.h"

/* nii_read, with a warning for each note. h may be NULL. */
int scan_read(volume *v, nii_header *h, const char *path, err *e);
/* The same where voxels are numbers to be told apart or handed on, such as labels: ERR_DATA when single precision does not hold one of
 * them, so that two labels might become one. */
int scan_read_exactly(volume *v, nii_header *h, const char *path, err *e);

#endif
