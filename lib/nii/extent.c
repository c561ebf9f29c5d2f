#include <string.h>

#include "nii/header.h"
#include "nii/source.h"

int nii_extent(double image[3], double voxel[3], const char *path, err *e)
{
	unsigned char bytes[NII2_SIZE];
	nii_source *s = NULL;
	nii_header h = { 0 };
	size_t got = 0, length = 0;
	int code = nii_source_open(&s, path, e);
	code = code ? code : nii_source_read(s, bytes, 4, &got, e);
	if (!code && (got < 4 || !(length = nii_header_length(bytes))))
		code = err_set(e, ERR_DATA, "%s: not a NIfTI file", path);
	code = code ? code : nii_source_read(s, bytes + 4, length - 4, &got, e);
	if (!code && got < length - 4)
		code = err_set(e, ERR_DATA, "%s: cut short within the header", path);
	code = code ? code : nii_header_read(&h, bytes, path, NULL, e);
	nii_source_close(s);
	for (int i = 0; !code && i < 3; i++) {
		voxel[i] = h.pixdim[i];
		image[i] = h.pixdim[i] * h.n[i];
	}
	return code;
}
