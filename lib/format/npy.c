#include "format/npy.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { MAX_RANK = 8, MAX_HEADER = 1 << 16 };
static const int64_t max_elements = (int64_t)1 << 32;
static const char magic[] = "\x93NUMPY";

struct description {
	npy_array *a;
	bool swapped, fortran; /* byte order, order of elements */
	bool has_type, has_order, has_shape;
};

static const char *skip_blanks(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

/* '<f4' and the like. Returns what follows, NULL when it is nothing we have. */
static const char *read_type(struct description *d, const char *s)
{
	char quote = *s++, order = '|', name[8];
	if (quote != '\'' && quote != '"')
		return NULL;
	if (*s && strchr("<>|=", *s))
		order = *s++;
	char kind = *s++;
	if (!kind || !strchr("fiub", kind) || !isdigit((unsigned char)*s) || s[1] != quote)
		return NULL;
	int bits = (*s - '0') * 8;
	snprintf(name, sizeof name, "%c%d", kind == 'b' ? 'u' : kind, bits);
	d->a->dtype = dtype_of_name(name);
	d->swapped = order == '>';
	d->has_type = true;
	return d->a->dtype == DTYPE_UNKNOWN || (kind == 'b' && bits != 8) ? NULL : s + 2;
}

static const char *read_shape(struct description *d, const char *s)
{
	npy_array *a = d->a;
	if (*s++ != '(')
		return NULL;
	a->elements = 1;
	for (s = skip_blanks(s); *s != ')'; s = skip_blanks(s)) {
		char *end;
		if (!isdigit((unsigned char)*s) || a->rank == MAX_RANK)
			return NULL;
		long long n = strtoll(s, &end, 10);
		if (n < 1 || n > max_elements / a->elements)
			return NULL;
		a->shape[a->rank++] = n;
		a->elements *= n;
		s = skip_blanks(end);
		if (*s == ',')
			s++;
		else if (*s != ')')
			return NULL;
	}
	d->has_shape = true;
	return s + 1;
}

static const char *read_order(struct description *d, const char *s)
{
	d->has_order = true;
	d->fortran = !strncmp(s, "True", 4);
	return d->fortran ? s + 4 : !strncmp(s, "False", 5) ? s + 5 : NULL;
}

/* The dictionary {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }. */
static bool read_description(struct description *d, const char *s)
{
	s = skip_blanks(s);
	if (*s++ != '{')
		return false;
	for (s = skip_blanks(s); *s != '}'; s = skip_blanks(s)) {
		const char *after = NULL;
		char quote = *s;
		const char *key = s + 1, *end = quote == '\'' || quote == '"' ? strchr(key, quote) : NULL;
		if (!end)
			return false;
		size_t n = (size_t)(end - key);
		s = skip_blanks(end + 1);
		if (*s != ':')
			return false;
		s = skip_blanks(s + 1);
		if (n == 5 && !memcmp(key, "descr", n) && !d->has_type)
			after = read_type(d, s);
		else if (n == 13 && !memcmp(key, "fortran_order", n) && !d->has_order)
			after = read_order(d, s);
		else if (n == 5 && !memcmp(key, "shape", n) && !d->has_shape)
			after = read_shape(d, s);
		if (!after)
			return false;
		s = skip_blanks(after);
		if (*s == ',')
			s++;
		else if (*s != '}')
			return false;
	}
	return d->has_type && d->has_order && d->has_shape && !*skip_blanks(s + 1);
}

static int read_header(struct description *d, infile *f, err *e)
{
	unsigned char b[12];
	char *text = NULL;
	size_t got, n;
	int code = in_read(f, b, 10, &got, e);
	if (code)
		return code;
	if (got < 10 || memcmp(b, magic, 6))
		return err_set(e, ERR_DATA, "%s: not a .npy file", in_name(f));
	if (b[6] < 1 || b[6] > 3)
		return err_set(e, ERR_DATA, "%s: .npy version %d.%d is not known", in_name(f), b[6], b[7]);
	n = b[8] | (size_t)b[9] << 8;
	if (b[6] > 1) {
		code = in_read(f, b + 10, 2, &got, e);
		if (code)
			return code;
		n |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
	}
	if (n > MAX_HEADER)
		return err_set(e, ERR_DATA, "%s: a header of %zu bytes", in_name(f), n);
	code = mem_zero(&text, n + 1, 1, in_name(f), e);
	if (!code)
		code = in_read(f, text, n, &got, e);
	if (!code && got < n)
		code = err_set(e, ERR_DATA, "%s: cut short: it ends inside its header", in_name(f));
	if (!code && (strlen(text) < n || !read_description(d, text)))
		code = err_set(e, ERR_DATA, "%s: not an array of whole or real numbers of at least one element (its header: %.100s)",
			       in_name(f), text);
	free(text);
	return code;
}

static void swap_bytes(unsigned char *p, size_t n, size_t size)
{
	for (size_t i = 0; i < n; i++, p += size)
		for (size_t k = 0; k < size / 2; k++) {
			unsigned char b = p[k];
			p[k] = p[size - 1 - k];
			p[size - 1 - k] = b;
		}
}

/* First index fastest -> last index fastest. */
static void turn_order(unsigned char *dst, const unsigned char *src, const npy_array *a, size_t size)
{
	int64_t at[MAX_RANK] = { 0 }, step[MAX_RANK], from = 0;
	for (int i = 0; i < a->rank; i++)
		step[i] = i ? step[i - 1] * a->shape[i - 1] : 1;
	for (int64_t n = 0; n < a->elements; n++) {
		memcpy(dst + (size_t)n * size, src + (size_t)from * size, size);
		for (int i = a->rank; i-- > 0;) {
			from += step[i];
			if (++at[i] < a->shape[i])
				break;
			from -= at[i] * step[i];
			at[i] = 0;
		}
	}
}

static int read_elements(void **out, size_t n, infile *f, err *e)
{
	void *p = NULL;
	char beyond;
	size_t got;
	int code = in_take(f, &p, n, &got, e);
	if (code)
		return code;
	if (got < n)
		code = err_set(e, ERR_DATA, "%s: cut short: %zu bytes of elements where %zu are announced", in_name(f), got, n);
	if (!code)
		code = in_read(f, &beyond, 1, &got, e);
	if (!code && got)
		code = err_set(e, ERR_DATA, "%s: bytes behind the array", in_name(f));
	if (code)
		free(p);
	else
		*out = p;
	return code;
}

int npy_read(npy_array *a, infile *f, err *e)
{
	struct description d = { .a = a };
	void *p = NULL, *turned = NULL;
	*a = (npy_array){ 0 };
	int code = read_header(&d, f, e);
	if (code)
		return code;
	size_t size = dtype_size(a->dtype), n = (size_t)a->elements;
	if (in_size(f) >= 0 && (uint64_t)in_size(f) != in_offset(f) + n * size)
		return err_set(e, ERR_DATA, "%s: %lld bytes where its header announces %llu", in_name(f), (long long)in_size(f),
			       (unsigned long long)(in_offset(f) + n * size));
	code = read_elements(&p, n * size, f, e);
	if (code)
		return code;
	if (d.swapped)
		swap_bytes(p, n, size);
	if (d.fortran && a->rank > 1) {
		code = mem_zero(&turned, n, size, in_name(f), e);
		if (code) {
			free(p);
			return code;
		}
		turn_order(turned, p, a, size);
		free(p);
		p = turned;
	}
	a->data = p;
	return 0;
}

int npy_write(outfile *f, enum dtype t, int rank, const int64_t *shape, const void *data, err *e)
{
	enum dtype stored = t == DTYPE_BF16 ? DTYPE_F32 : t;
	char text[512];
	size_t n = 1, size = dtype_size(stored);
	const char *name = dtype_name(stored);
	if (!size || rank > MAX_RANK)
		return err_set(e, ERR_DATA, "%s: a type or rank that .npy files cannot hold", out_name(f));
	int at = sprintf(text, "{'descr': '%c%c%zu', 'fortran_order': False, 'shape': (", size > 1 ? '<' : '|', *name, size);
	for (int i = 0; i < rank; i++) {
		n *= (size_t)shape[i];
		at += sprintf(text + at, "%lld%s", (long long)shape[i], i + 1 < rank ? ", " : rank == 1 ? "," : "");
	}
	at += sprintf(text + at, "), }");
	/* the elements begin at a multiple of 64 bytes */
	while ((10 + at + 1) % 64)
		text[at++] = ' ';
	text[at++] = '\n';
	unsigned char head[10] = { 0, 0, 0, 0, 0, 0, 1, 0, (unsigned char)at, (unsigned char)(at >> 8) };
	memcpy(head, magic, 6);
	int code = out_write(f, head, sizeof head, e);
	if (!code)
		code = out_write(f, text, (size_t)at, e);
	if (code || t == stored)
		return code ? code : out_write(f, data, n * size, e);
	float *v = NULL;
	code = mem_zero(&v, n, sizeof *v, out_name(f), e);
	if (code)
		return code;
	dtype_to_float(v, data, t, n);
	code = out_write(f, v, n * sizeof *v, e);
	free(v);
	return code;
}
