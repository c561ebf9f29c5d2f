/* From a record's voxels back to a scan: where it lies, in which units, under which header. */
#ifndef NII_SCAN_H
#define NII_SCAN_H

#include <stdbool.h>

#include "base/err.h"
#include "format/lat.h"
#include "nii/nii.h"
#include "volume/volume.h"

/* A scan that is ready to be written. */
typedef struct nii_scan {
	nii_header header;
	volume v;
} nii_scan;

/* The voxels x, on the grid that r's preparation says, as a scan on that grid; x->v is taken over, also when it failed. Its place is the
 * grid's in MNI space, or what the header of r's own scan makes of it, or unknown, at 1.5 mm, for a record that does not say how it was
 * prepared. In the scan's units, or with `unit` in the model's. ERR_DATA: another grid than the record says, a damaged record; ERR_OS.
 * Freed with nii_scan_free, also when it failed. */
int nii_scan_on_grid(nii_scan *out, volume *x, const lat_record *r, bool unit, err *e);
/* The same on the grid and under the header of r's own scan (prepare_undo); with `unit` without what that says of the scan's values.
 * ERR_DATA also when r does not hold it, or no way back. */
int nii_scan_native(nii_scan *out, const volume *x, const lat_record *r, bool unit, err *e);
void nii_scan_free(nii_scan *s);

#endif
