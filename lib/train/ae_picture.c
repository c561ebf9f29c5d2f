#include "train/ae_picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/ae_validate.h"
#include "volume/picture.h"

/* A volume on the model's grid; v is the caller's. */
static volume placed(const preparation *p, float *v)
{
	volume out = {.v = v};
	memcpy(out.n, p->n, sizeof out.n);
	memcpy(out.affine, p->affine, sizeof out.affine);
	for (int i = 0; p->kind == PREPARE_STORED && i < 3; i++)
		out.affine[i][i] = p->spacing;
	return out;
}

int ae_picture_write(ae_train *t, const dataset_scan *scan, const preparation *p, const char *folder, err *e)
{
	float *recon = NULL;
	char *path = NULL;
	picture all = {.rgb = NULL};
	mosaic_options o = mosaic_default();
	o.difference = true;
	int code = mem_zero(&recon, volume_count(p->n), sizeof *recon, "reconstruction", e);
	if (!code)
		code = ae_reconstruct(t, scan->x, recon, NULL, e);
	if (!code && asprintf(&path, "%s/step-%06lld.png", folder, (long long)t->step) < 0) {
		path = NULL;
		code = err_set(e, ERR_OS, "%s: no memory", folder);
	}
	if (!code) {
		const volume of_scan = placed(p, (float *)scan->x), of_recon = placed(p, recon);
		code = mosaic(&all, (const volume *const[]){ &of_scan, &of_recon }, (const char *const[]){ scan->id, "reconstruction" }, 2,
			      &o, e);
	}
	if (!code)
		code = picture_write(path, true, &all, e);
	picture_free(&all);
	free(recon);
	free(path);
	return code;
}
