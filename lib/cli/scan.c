#include "cli/scan.h"

#include <string.h>

#include "cli/cli.h"

static int take(volume *v, nii_header *h, const char *path, bool exactly, err *e)
{
	nii_notes notes = { 0 };
	nii_header own = { 0 };
	const char *name = strcmp(path, "-") ? path : "stdin";
	int code = nii_read(v, &own, &notes, path, e);
	if (!code && exactly && notes.rounded) {
		volume_free(v);
		nii_header_free(&own);
		return err_set(e, ERR_DATA,
			       "%s: %zu of its voxels are whole numbers that single precision does not hold, as labels beyond 16777216",
			       name, notes.rounded);
	}
	if (code)
		return code;
	for (int i = 0; i < notes.n; i++)
		cli_warn("%s: %s", name, notes.line[i]);
	if (h)
		*h = own;
	else
		nii_header_free(&own);
	return 0;
}

int scan_read(volume *v, nii_header *h, const char *path, err *e) { return take(v, h, path, false, e); }

int scan_read_exactly(volume *v, nii_header *h, const char *path, err *e) { return take(v, h, path, true, e); }
