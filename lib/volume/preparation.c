/* Preparations and their traces as JSON. */
#include <math.h>
#include <string.h>

#include "volume/prepare.h"

enum { MAX_SIDE = 4096, MAX_VOXELS = 1 << 30 };
static const double LEAST_MM = 1e-3, MOST_MM = 1e6; /* of a grid: between voxels, and of anything */

preparation preparation_default(void)
{
	return (preparation){ .kind = PREPARE_WORLD,
			      .n = { 64, 80, 64 },
			      .affine = { { 3, 0, 0, -94.25 }, { 0, 3, 0, -136.25 }, { 0, 0, 3, -89.25 } } };
}

/* Three rows of four finite numbers. */
static bool parse_affine(double a[3][4], const json_t *rows)
{
	if (json_array_size(rows) != 3)
		return false;
	for (size_t i = 0; i < 3; i++) {
		const json_t *row = json_array_get(rows, i);
		if (json_array_size(row) != 4)
			return false;
		for (size_t j = 0; j < 4; j++) {
			const json_t *v = json_array_get(row, j);
			a[i][j] = json_number_value(v);
			if (!json_is_number(v) || !isfinite(a[i][j]))
				return false;
		}
	}
	return true;
}

static json_t *affine_json(double a[3][4])
{
	return json_pack("[[ffff][ffff][ffff]]", a[0][0], a[0][1], a[0][2], a[0][3], a[1][0], a[1][1], a[1][2], a[1][3], a[2][0], a[2][1],
			 a[2][2], a[2][3]);
}

static bool parse_size(int n[3], const json_t *list)
{
	if (json_array_size(list) != 3)
		return false;
	for (size_t i = 0; i < 3; i++) {
		json_int_t v = json_integer_value(json_array_get(list, i));
		if (v < 1 || v > MAX_SIDE)
			return false;
		n[i] = (int)v;
	}
	return (int64_t)n[0] * n[1] * n[2] <= MAX_VOXELS;
}

/* Is it a grid in millimetres that somebody could mean? */
static bool is_grid(double a[3][4])
{
	double inverse[3][4], mm[3];
	bool good = affine_inverse(inverse, a);
	affine_spacing(mm, a);
	for (int i = 0; i < 3; i++)
		good = good && mm[i] >= LEAST_MM && mm[i] <= MOST_MM && fabs(a[i][3]) <= MOST_MM;
	return good;
}

int preparation_parse(preparation *p, const json_t *object, const int size[3], err *e)
{
	*p = (preparation){ .kind = PREPARE_STORED, .n = { size[0], size[1], size[2] }, .spacing = 1.5 };
	if (!object || json_is_null(object))
		return 0;
	const char *name = json_string_value(json_object_get(object, "name"));
	if (!name)
		return err_set(e, ERR_CONFIG, "preparation: no name");
	if (!parse_size(p->n, json_object_get(object, "size")))
		return err_set(e, ERR_CONFIG, "preparation: size: not three whole numbers from 1 to %d, or more than %d voxels", MAX_SIDE,
			       MAX_VOXELS);
	if (!strcmp(name, "stored")) {
		p->spacing = json_number_value(json_object_get(object, "spacing"));
		if (!(p->spacing >= LEAST_MM && p->spacing <= MOST_MM))
			return err_set(e, ERR_CONFIG, "preparation: spacing: not a number from %g to %g", LEAST_MM, MOST_MM);
	} else if (!strcmp(name, "world")) {
		p->kind = PREPARE_WORLD;
		p->spacing = 0;
		if (!parse_affine(p->affine, json_object_get(object, "affine")) || !is_grid(p->affine))
			return err_set(e, ERR_CONFIG,
				       "preparation: affine: not three rows of four numbers that place a grid in millimetres");
	} else {
		return err_set(e, ERR_CONFIG, "preparation: \"%s\" is not known to this version", name);
	}
	return 0;
}

json_t *preparation_json(const preparation *p)
{
	preparation q = *p;
	json_t *j = json_pack("{s:s, s:[iii]}", "name", p->kind == PREPARE_WORLD ? "world" : "stored", "size", p->n[0], p->n[1], p->n[2]);
	int failed = p->kind == PREPARE_WORLD ? json_object_set_new(j, "affine", affine_json(q.affine))
					      : json_object_set_new(j, "spacing", json_real(p->spacing));
	if (!failed)
		return j;
	json_decref(j);
	return NULL;
}

bool preparation_same(const preparation *a, const preparation *b)
{
	bool same = a->kind == b->kind && !memcmp(a->n, b->n, sizeof a->n);
	if (!same || a->kind == PREPARE_STORED)
		return same && a->spacing == b->spacing;
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 4; j++)
			same = same && a->affine[i][j] == b->affine[i][j];
	return same;
}

int preparation_check(const preparation *ours, const json_t *object, err *e)
{
	preparation theirs;
	if (!json_is_object(object))
		return 0;
	int code = err_as(e, preparation_parse(&theirs, object, ours->n, e), ERR_CONFIG, ERR_DATA);
	if (!code && !preparation_same(ours, &theirs))
		code = err_set(e, ERR_DATA, "prepared in another way than the model's; --any-model takes it all the same");
	return code;
}

json_t *prepared_json(const prepared *how)
{
	prepared h = *how;
	return json_pack("{s:f, s:f, s:o}", "scale", h.scale, "offset", h.offset, "to_source", affine_json(h.to_source));
}

int prepared_parse(prepared *how, const json_t *object, err *e)
{
	const json_t *scale = json_object_get(object, "scale"), *offset = json_object_get(object, "offset");
	double inverse[3][4];
	*how = (prepared){ .scale = json_number_value(scale), .offset = json_number_value(offset) };
	if (!json_is_number(scale) || !json_is_number(offset) || !isfinite(how->scale) || !isfinite(how->offset))
		return err_set(e, ERR_DATA, "preparation: no scale and offset of the scan's intensities");
	if (!parse_affine(how->to_source, json_object_get(object, "to_source")) || !affine_inverse(inverse, how->to_source))
		return err_set(e, ERR_DATA, "preparation: no usable way back to the scan's grid");
	return 0;
}
