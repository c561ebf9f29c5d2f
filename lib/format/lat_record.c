#include "format/lat.h"

#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "format/finite.h"
#include "format/lat_internal.h"
#include "format/pack.h"

/* Also the rule for names of tensors: both become file names. */
static bool name_ok(const char *s, size_t longest)
{
	size_t n = strlen(s);
	return n > 0 && n <= longest && *s != '.' && strspn(s, ID_CHARACTERS) == n;
}

bool lat_id_ok(const char *id) { return name_ok(id, LAT_MAX_ID); }
bool lat_name_ok(const char *name) { return name_ok(name, LAT_MAX_NAME); }

int lat_new(lat_record **out, const char *id, err *e)
{
	lat_record *r = NULL;
	int code = mem_zero(&r, 1, sizeof *r, "record", e);
	if (code)
		return code;
	r->header = json_object();
	code = r->header ? lat_set_id(r, id, e) : err_set(e, ERR_OS, "record: no memory");
	if (code) {
		lat_free(r);
		return code;
	}
	*out = r;
	return 0;
}

static void empty_tensor(lat_tensor *t)
{
	json_decref(t->meta);
	free(t->data);
	free(t->frame);
	*t = (lat_tensor){ 0 };
}

void lat_free(lat_record *r)
{
	if (!r)
		return;
	for (int i = 0; i < r->count; i++)
		empty_tensor(&r->tensors[i]);
	free(r->tensors);
	json_decref(r->header);
	free(r);
}

/* *out (a pointer): n bytes like those at from. */
static int duplicate(void *out, const void *from, size_t n, const char *name, err *e)
{
	void *p = NULL;
	int code = mem_zero(&p, n, 1, name, e);
	if (code)
		return code;
	memcpy(p, from, n);
	memcpy(out, &p, sizeof p);
	return 0;
}

/* Into an empty tensor. */
static int copy_tensor(lat_tensor *to, const lat_tensor *t, err *e)
{
	*to = *t;
	to->data = NULL;
	to->frame = NULL;
	to->meta = json_deep_copy(t->meta);
	int code = to->meta ? 0 : err_set(e, ERR_OS, "tensor %s: no memory", t->name);
	/* one of the two will do */
	if (!code && t->frame)
		code = duplicate(&to->frame, t->frame, t->frame_bytes, t->name, e);
	else if (!code)
		code = duplicate(&to->data, t->data, (size_t)t->elements * dtype_size(t->dtype), t->name, e);
	return code;
}

int lat_copy(lat_record **out, const lat_record *r, err *e)
{
	lat_record *c = NULL;
	int code = mem_zero(&c, 1, sizeof *c, "record", e);
	if (code)
		return code;
	c->offset = r->offset;
	c->header = json_deep_copy(r->header);
	code = c->header ? mem_zero(&c->tensors, (size_t)r->count, sizeof *c->tensors, "tensors", e)
			 : err_set(e, ERR_OS, "record: no memory");
	for (; !code && c->count < r->count; c->count++)
		code = copy_tensor(&c->tensors[c->count], &r->tensors[c->count], e);
	if (code) {
		lat_free(c);
		return code;
	}
	*out = c;
	return 0;
}

const char *lat_id(const lat_record *r) { return json_string_value(json_object_get(r->header, "id")); }

int lat_set_id(lat_record *r, const char *id, err *e)
{
	if (!lat_id_ok(id))
		return err_set(e, ERR_USAGE, "%.*s: not an id (" ID_RULE ")", LAT_MAX_ID, id);
	if (json_object_set_new(r->header, "id", json_string(id)))
		return err_set(e, ERR_OS, "record: no memory");
	return 0;
}

bool lat_months(const lat_record *r, double *months)
{
	const json_t *v = json_object_get(r->header, "months");
	if (json_is_number(v))
		*months = json_number_value(v);
	return json_is_number(v);
}

int lat_add_history(lat_record *r, json_t *entry, err *e)
{
	if (!entry)
		return 0;
	json_t *list = json_object_get(r->header, "history");
	if (!json_is_array(list)) {
		list = json_array();
		if (json_object_set_new(r->header, "history", list)) {
			json_decref(entry);
			return err_set(e, ERR_OS, "history: no memory");
		}
	}
	return json_array_append_new(list, entry) ? err_set(e, ERR_OS, "history: no memory") : 0;
}

lat_tensor *lat_find(const lat_record *r, const char *name)
{
	for (int i = 0; i < r->count; i++)
		if (!strcmp(r->tensors[i].name, name))
			return &r->tensors[i];
	return NULL;
}

int lat_need(const lat_record *r, const char *name, lat_tensor **t, err *e)
{
	*t = lat_find(r, name);
	if (*t)
		return 0;
	char have[256] = "";
	for (int i = 0; i < r->count; i++) {
		size_t n = strlen(have);
		snprintf(have + n, sizeof have - n, "%s%s", i ? ", " : "", r->tensors[i].name);
	}
	return err_set(e, ERR_DATA, "no tensor %s (it has %s)", name, *have ? have : "none");
}

bool lat_has_shape(const lat_tensor *t, int rank, const int64_t *shape)
{
	return t->rank == rank && !memcmp(t->shape, shape, (size_t)rank * sizeof *shape);
}

int lat_shaped_like(const lat_tensor *t, const lat_tensor *like, err *e)
{
	char is[LAT_MAX_RANK * 21], other[LAT_MAX_RANK * 21];
	if (!like->rank || lat_has_shape(t, like->rank, like->shape))
		return 0;
	lat_shape_text(t, is);
	lat_shape_text(like, other);
	return err_set(e, ERR_DATA, "%s of %s, not of %s", t->name, is, other);
}

int lat_grid(int n[3], const lat_tensor *t, int channels, err *e)
{
	enum { MOST = 4096 };
	char text[LAT_MAX_RANK * 21], wants[32] = "one channel";
	bool good = t->rank == 4 && t->shape[0] == channels;
	for (int i = 0; i < 3 && good; i++) {
		good = t->shape[i + 1] <= MOST;
		n[i] = (int)t->shape[i + 1];
	}
	if (good)
		return 0;
	lat_shape_text(t, text);
	if (channels != 1)
		snprintf(wants, sizeof wants, "%d channels", channels);
	return err_set(e, ERR_DATA, "%s of %s is no volume of %s", t->name, text, wants);
}

void lat_shape_text(const lat_tensor *t, char out[LAT_MAX_RANK * 21])
{
	strcpy(out, t->rank ? "" : "scalar");
	for (int i = 0; i < t->rank; i++)
		out += sprintf(out, "%s%lld", i ? "x" : "", (long long)t->shape[i]);
}

int lat_shape_elements(int64_t *elements, int rank, const int64_t *shape, err *e)
{
	int64_t n = 1;
	if (rank < 0 || rank > LAT_MAX_RANK)
		return err_set(e, ERR_DATA, "%d dimensions where at most %d are possible", rank, LAT_MAX_RANK);
	for (int i = 0; i < rank; i++) {
		if (shape[i] < 1)
			return err_set(e, ERR_DATA, "a dimension of %lld", (long long)shape[i]);
		if (shape[i] > LAT_MAX_ELEMENTS / n)
			return err_set(e, ERR_DATA, "more than %lld elements", (long long)LAT_MAX_ELEMENTS);
		n *= shape[i];
	}
	*elements = n;
	return 0;
}

bool lat_is_known(const lat_tensor *t)
{
	return t->dtype != DTYPE_UNKNOWN && (!t->frame || !strcmp(t->filter, "none") || !strcmp(t->filter, "shuffle"));
}

int lat_data(lat_tensor *t, const void **data, err *e)
{
	size_t n = (size_t)t->elements, size = dtype_size(t->dtype);
	void *p = t->data;
	int code = 0;
	if (!p && !size)
		code = err_set(e, ERR_DATA, "type '%s' is not known", t->type_name);
	if (!p && !code) {
		code = mem_zero(&p, n, size, t->name, e);
		if (!code)
			code = unpack(p, n, size, t->frame, t->frame_bytes, t->filter, e);
		if (code)
			free(p);
		else
			t->data = p;
	}
	if (code)
		return err_prefix(e, "tensor %s", t->name);
	*data = t->data;
	return 0;
}

/* v: t's elements, of this type. */
static int check_finite(const lat_tensor *t, const void *v, enum dtype type, err *e)
{
	char name[LAT_MAX_NAME + sizeof "tensor "];
	snprintf(name, sizeof name, "tensor %s", t->name);
	return finite_check(v, type, (size_t)t->elements, name, ERR_DATA, e);
}

int lat_floats(lat_tensor *t, float **out, err *e)
{
	const void *data;
	float *v = NULL;
	int code = lat_data(t, &data, e);
	if (!code)
		code = mem_zero(&v, (size_t)t->elements, sizeof *v, t->name, e);
	if (code)
		return code;
	dtype_to_float(v, data, t->dtype, (size_t)t->elements);
	code = check_finite(t, v, DTYPE_F32, e);
	if (code)
		free(v);
	else
		*out = v;
	return code;
}

int lat_finite(lat_tensor *t, err *e)
{
	const void *data;
	int code = lat_data(t, &data, e);
	return code ? code : check_finite(t, data, t->dtype, e);
}

int lat_verify(const lat_tensor *t, err *e)
{
	int code = 0;
	if (t->frame)
		code = pack_inspect(t->frame, t->frame_bytes, (size_t)t->elements * dtype_size(t->dtype), e);
	if (t->frame && !code)
		code = unpack_test(t->frame, t->frame_bytes, e);
	return code ? err_prefix(e, "tensor %s", t->name) : 0;
}

int lat_slot(lat_record *r, const char *name, lat_tensor **out, err *e)
{
	lat_tensor *t = lat_find(r, name);
	json_t *meta = json_object();
	if (!meta)
		return err_set(e, ERR_OS, "tensor: no memory");
	if (t) {
		empty_tensor(t);
	} else {
		size_t cap = (size_t)r->count;
		int code = r->count < LAT_MAX_TENSORS ? mem_grow(&r->tensors, &cap, cap + 1, sizeof *t, "tensors", e)
						      : err_set(e, ERR_DATA, "more than %d tensors", LAT_MAX_TENSORS);
		if (code) {
			json_decref(meta);
			return code;
		}
		t = &r->tensors[r->count++];
	}
	*t = (lat_tensor){ .meta = meta };
	memcpy(t->name, name, strlen(name) + 1);
	*out = t;
	return 0;
}

/* A tensor of this kind, its elements zeroed. */
static int put(lat_record *r, const char *name, enum dtype type, int rank, const int64_t *shape, lat_tensor **out, err *e)
{
	int64_t elements;
	void *data = NULL;
	if (!lat_name_ok(name))
		return err_set(e, ERR_USAGE, "%.*s: not a name for a tensor (A-Z a-z 0-9 . _ -, no leading dot, at most %d characters)",
			       LAT_MAX_NAME, name, LAT_MAX_NAME);
	if (!dtype_size(type))
		return err_set(e, ERR_BUG, "tensor %s: unknown type", name);
	int code = lat_shape_elements(&elements, rank, shape, e);
	if (!code)
		code = mem_zero(&data, (size_t)elements, dtype_size(type), name, e);
	if (!code)
		code = lat_slot(r, name, out, e);
	if (code) {
		free(data);
		return err_prefix(e, "tensor %s", name);
	}
	lat_tensor *t = *out;
	t->dtype = type;
	strcpy(t->type_name, dtype_name(type));
	t->rank = rank;
	if (rank)
		memcpy(t->shape, shape, (size_t)rank * sizeof *shape);
	t->elements = elements;
	t->data = data;
	return 0;
}

/* A tensor whose elements are in their place: they must be numbers. */
static int filled(lat_record *r, lat_tensor *t, lat_tensor **out, err *e)
{
	int code = check_finite(t, t->data, t->dtype, e);
	if (!code && out)
		*out = t;
	if (code)
		lat_drop(r, t->name);
	return code;
}

int lat_set(lat_record *r, const char *name, enum dtype type, int rank, const int64_t *shape, const void *data, lat_tensor **out, err *e)
{
	lat_tensor *t;
	int code = put(r, name, type, rank, shape, &t, e);
	if (code)
		return code;
	memcpy(t->data, data, (size_t)t->elements * dtype_size(type));
	return filled(r, t, out, e);
}

int lat_set_floats(lat_record *r, const char *name, enum dtype stored, int rank, const int64_t *shape, const float *v, lat_tensor **out,
		   err *e)
{
	lat_tensor *t;
	int code = put(r, name, stored, rank, shape, &t, e);
	if (code)
		return code;
	code = dtype_from_float(t->data, stored, v, (size_t)t->elements, e);
	if (code) {
		lat_drop(r, name);
		return err_prefix(e, "tensor %s", name);
	}
	return filled(r, t, out, e);
}

int lat_replace(lat_tensor *t, const float *v, err *e)
{
	void *data = NULL;
	int code = check_finite(t, v, DTYPE_F32, e);
	if (!code)
		code = duplicate(&data, v, (size_t)t->elements * sizeof *v, t->name, e);
	if (code)
		return code;
	free(t->data);
	free(t->frame);
	t->data = data;
	t->frame = NULL;
	t->frame_bytes = 0;
	t->dtype = DTYPE_F32;
	strcpy(t->type_name, dtype_name(DTYPE_F32));
	t->filter[0] = 0;
	return 0;
}

int lat_put_copy(lat_record *r, const lat_tensor *t, err *e)
{
	lat_tensor *to, copy = { 0 };
	int code = copy_tensor(&copy, t, e);
	if (!code)
		code = lat_slot(r, t->name, &to, e);
	if (code) {
		empty_tensor(&copy);
		return code;
	}
	empty_tensor(to);
	*to = copy;
	return 0;
}

void lat_drop(lat_record *r, const char *name)
{
	lat_tensor *t = lat_find(r, name);
	if (!t)
		return;
	empty_tensor(t);
	memmove(t, t + 1, (size_t)(r->tensors + r->count - t - 1) * sizeof *t);
	r->count--;
}

int lat_set_model(lat_tensor *t, const char *kind, const char *identity, err *e)
{
	json_t *model = json_pack("{s:s, s:s}", "kind", kind, "identity", identity);
	if (!model || json_object_set_new(t->meta, "model", model))
		return err_set(e, ERR_OS, "tensor %s: no memory", t->name);
	return 0;
}
