#include "train/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "volume/picture.h"

enum { MOST = 8 };

/* A volume on the model's grid; v is the caller's. */
static volume placed(const preparation *p, const float *v)
{
	volume out = { .v = (float *)v };
	memcpy(out.n, p->n, sizeof out.n);
	memcpy(out.affine, p->affine, sizeof out.affine);
	for (int i = 0; p->kind == PREPARE_STORED && i < 3; i++)
		out.affine[i][i] = p->spacing;
	return out;
}

int train_picture(const char *folder, int64_t step, const preparation *p, const float *const *v, const char *const *captions, int count,
		  bool difference, err *e)
{
	volume of[MOST];
	const volume *scans[MOST];
	char *path = NULL;
	picture all = { .rgb = NULL };
	mosaic_options o = mosaic_default();
	o.difference = difference;
	if (count > MOST)
		return err_set(e, ERR_BUG, "a picture of %d volumes", count);
	for (int i = 0; i < count; i++) {
		of[i] = placed(p, v[i]);
		scans[i] = &of[i];
	}
	if (asprintf(&path, "%s/step-%06lld.png", folder, (long long)step) < 0)
		return err_set(e, ERR_OS, "%s: no memory", folder);
	int code = mosaic(&all, scans, captions, count, &o, e);
	if (!code)
		code = picture_write(path, true, &all, e);
	picture_free(&all);
	free(path);
	return code;
}
