/* File names of pairs and of compressed files: for lib/nii's own files. */
#ifndef NII_NAME_H
#define NII_NAME_H

#include <stdbool.h>

#include "nii/nii.h"

/* Does path end in .hdr or .img, perhaps followed by .gz? In capitals, too, as below. */
bool nii_name_is_pair(const char *path);
bool nii_name_is_gz(const char *path);
/* The other file of a pair: `to` is "hdr" or "img" (path may name that one already), in capitals where path has them. Freed with free(). */
int nii_name_of_pair(char **out, const char *path, const char *to, err *e);

#endif
