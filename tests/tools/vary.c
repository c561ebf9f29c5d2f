/* vary SEED IN OUT: another scan of somebody like IN, whose values are about 0 to 1: a small affine, a smooth deformation, other
 * intensities, noise. */
#include <stdio.h>
#include <stdlib.h>

#include "nii/nii.h"
#include "volume/augment.h"

int main(int argc, char **argv)
{
	volume in = { 0 }, out = { 0 };
	nii_header h = { 0 };
	err e = { 0 };
	if (argc != 4) {
		fputs("usage: vary SEED IN OUT\n", stderr);
		return 64;
	}
	augmentation how = augmentation_default();
	how.flip = 0;
	int code = nii_read(&in, &h, NULL, argv[2], &e);
	if (!code)
		code = volume_new(&out, in.n, &e);
	if (!code)
		code = augment(out.v, in.v, in.n, &how, NULL, philox_make(strtoull(argv[1], NULL, 10), 0), &e);
	if (!code)
		code = nii_write(argv[3], true, &h, &out, false, NULL, &e);
	if (code)
		fprintf(stderr, "vary: %s\n", e.text);
	volume_free(&in);
	volume_free(&out);
	nii_header_free(&h);
	return code;
}
