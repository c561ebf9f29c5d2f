#include "nii/scan.h"

#include <stdlib.h>
#include <string.h>

#include "format/json.h"
#include "volume/prepare.h"

/* How the voxels came onto the grid. *known is false for a record from elsewhere, which does not say; then n is the tensor's own grid. */
static int read_preparation(preparation *p, prepared *how, bool *known, const lat_record *r, const int n[3], err *e)
{
	const json_t *object = json_object_get(r->header, "preparation");
	*known = json_is_object(object);
	*how = (prepared){ .scale = 1, .to_source = { { 1, 0, 0, 0 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 } } };
	if (!*known)
		return preparation_parse(p, NULL, n, e);
	int code = preparation_parse(p, object, n, e);
	if (!code && memcmp(p->n, n, sizeof p->n))
		code = err_set(e, ERR_DATA, "voxels on another grid than the record's preparation says");
	/* a drawn scan has no way back */
	if (!code && json_object_get(object, "to_source"))
		code = prepared_parse(how, object, e);
	return err_as(e, code, ERR_CONFIG, ERR_DATA);
}

static int read_source(nii_header *h, const lat_record *r, err *e)
{
	const json_t *text = json_object_get(json_object_get(r->header, "source"), "nifti");
	void *bytes = NULL;
	size_t n;
	if (!text)
		return err_set(e, ERR_DATA, "no header of a scan in the record, which --native needs");
	int code = json_to_bytes(text, &bytes, &n, e);
	if (!code)
		code = nii_header_parse(h, bytes, n, "source", e);
	free(bytes);
	return code;
}

int nii_scan_on_grid(nii_scan *out, volume *x, const lat_record *r, bool unit, err *e)
{
	enum { MNI = 4 };
	double affine[3][4] = { { 1.5, 0, 0, 0 }, { 0, 1.5, 0, 0 }, { 0, 0, 1.5, 0 } };
	preparation p;
	prepared how;
	bool known;
	int form = 0;
	*out = (nii_scan){ .v = *x };
	x->v = NULL;
	int code = read_preparation(&p, &how, &known, r, out->v.n, e);
	if (!code && known && p.kind == PREPARE_WORLD) {
		memcpy(affine, p.affine, sizeof affine);
		form = MNI;
	} else if (!code && known && json_object_get(r->header, "source")) {
		nii_header source = { 0 };
		code = read_source(&source, r, e);
		affine_multiply(affine, source.affine, how.to_source);
		form = source.sform_code > 0 ? source.sform_code : source.qform_code > 0 ? source.qform_code : 0;
		nii_header_free(&source);
	}
	if (!code)
		code = nii_header_new(&out->header, out->v.n, affine, form, e);
	size_t count = volume_count(out->v.n);
	for (size_t i = 0; !code && !unit && i < count; i++)
		out->v.v[i] = (float)((double)out->v.v[i] * how.scale + how.offset);
	return code;
}

int nii_scan_native(nii_scan *out, const volume *x, const lat_record *r, bool unit, err *e)
{
	preparation p;
	prepared how;
	bool known;
	*out = (nii_scan){ .header = { .bytes = NULL } };
	int code = read_preparation(&p, &how, &known, r, x->n, e);
	if (!code && !json_object_get(json_object_get(r->header, "preparation"), "to_source"))
		code = err_set(e, ERR_DATA, "the record does not say how to go back to a scan's grid, which --native needs");
	if (!code)
		code = read_source(&out->header, r, e);
	if (code)
		return code;
	memcpy(out->v.n, out->header.n, sizeof out->v.n);
	memcpy(out->v.affine, out->header.affine, sizeof out->v.affine);
	if (unit)
		nii_header_mean(&out->header, &(nii_meaning){ 0 });
	return prepare_undo(&out->v, x, &how, unit, e);
}

void nii_scan_free(nii_scan *s)
{
	nii_header_free(&s->header);
	volume_free(&s->v);
}
