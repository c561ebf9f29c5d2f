#include "format/zip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"

enum {
	MEMBER = 0x04034b50,
	ENTRY = 0x02014b50,
	END = 0x06054b50,
	END64 = 0x06064b50,
	LOCATOR64 = 0x07064b50,
	MEMBER_BYTES = 30,
	ENTRY_BYTES = 46,
	END_BYTES = 22,
	END64_BYTES = 56,
	LOCATOR64_BYTES = 20,
	MOST_MEMBERS = 1 << 18, /* a checkpoint has one for each tensor */
	LONGEST_NAME = 1024,
};

static uint64_t number(const unsigned char *p, int bytes)
{
	uint64_t v = 0;
	for (int i = bytes; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

bool zip_is(const void *bytes, size_t n) { return n >= 4 && number(bytes, 4) == MEMBER; }

/* The table of contents: where, how long, how many. */
typedef struct contents {
	uint64_t at, bytes, n;
} contents;

/* The end record, looked for from behind: a comment may follow it. NULL when there is none. */
static const unsigned char *find_end(const unsigned char *b, size_t n)
{
	for (size_t i = END_BYTES; i <= n && i <= END_BYTES + 0xFFFF; i++)
		if (number(b + n - i, 4) == END && number(b + n - i + 20, 2) == i - END_BYTES)
			return b + n - i;
	return NULL;
}

static int read_end(contents *c, const unsigned char *b, size_t n, err *e)
{
	const unsigned char *end = find_end(b, n);
	if (!end)
		return err_set(e, ERR_CONFIG, "cut short: an archive without its table of contents");
	*c = (contents){ number(end + 16, 4), number(end + 12, 4), number(end + 10, 2) };
	const unsigned char *locator = end - b >= LOCATOR64_BYTES ? end - LOCATOR64_BYTES : NULL;
	if (locator && number(locator, 4) == LOCATOR64) {
		uint64_t at = number(locator + 8, 8);
		if (at > n || n - at < END64_BYTES || number(b + at, 4) != END64)
			return err_set(e, ERR_CONFIG, "its zip64 end record is not where it should be");
		*c = (contents){ number(b + at + 48, 8), number(b + at + 40, 8), number(b + at + 32, 8) };
	}
	if (c->at > n || c->bytes > n - c->at || c->n > MOST_MEMBERS || c->n * ENTRY_BYTES > c->bytes)
		return err_set(e, ERR_CONFIG, "an impossible table of contents");
	return 0;
}

/* Names become no files here, but one that could leave a folder says enough about its archive. */
static bool name_ok(const char *s, size_t n)
{
	if (!n || n > LONGEST_NAME || *s == '/' || memchr(s, 0, n) || memchr(s, '\\', n))
		return false;
	for (size_t i = 0; i + 1 < n; i++)
		if (s[i] == '.' && s[i + 1] == '.' && (!i || s[i - 1] == '/') && (i + 2 == n || s[i + 2] == '/'))
			return false;
	return true;
}

/* The zip64 extra field holds those of size, packed size and place that do not fit in 32 bits, in this order. */
static bool widen(uint64_t v[3], const unsigned char *extra, size_t n)
{
	for (size_t at = 0; at + 4 <= n;) {
		size_t kind = number(extra + at, 2), bytes = number(extra + at + 2, 2), used = 0;
		if (bytes > n - at - 4)
			return false;
		for (int i = 0; kind == 1 && i < 3; i++) {
			if (v[i] != 0xFFFFFFFF)
				continue;
			if (used + 8 > bytes)
				return false;
			v[i] = number(extra + at + 4 + used, 8);
			used += 8;
		}
		at += 4 + bytes;
	}
	return true;
}

/* The entry at *at of the table of contents, and the member it names. */
static int read_entry(zip_member *m, const unsigned char *b, size_t n, size_t *at, size_t end, err *e)
{
	const unsigned char *entry = b + *at;
	if (end - *at < ENTRY_BYTES || number(entry, 4) != ENTRY)
		return err_set(e, ERR_CONFIG, "a damaged table of contents");
	size_t name = number(entry + 28, 2), extra = number(entry + 30, 2), comment = number(entry + 32, 2);
	uint64_t v[3] = { number(entry + 24, 4), number(entry + 20, 4), number(entry + 42, 4) }; /* size, packed size, place */
	if (name + extra + comment > end - *at - ENTRY_BYTES || !widen(v, entry + ENTRY_BYTES + name, extra))
		return err_set(e, ERR_CONFIG, "a damaged table of contents");
	*m = (zip_member){
		.name = (const char *)entry + ENTRY_BYTES, .name_bytes = name, .bytes = v[0], .crc = (uint32_t)number(entry + 16, 4)
	};
	*at += ENTRY_BYTES + name + extra + comment;
	if (!name_ok(m->name, name))
		return err_set(e, ERR_CONFIG, "member %.*s: a name that is not allowed", name < 100 ? (int)name : 100, m->name);
	if (number(entry + 8, 2) & 1 || number(entry + 10, 2) || v[0] != v[1])
		return err_set(e, ERR_CONFIG, "member %.*s: is compressed or encrypted, which PyTorch does not do", (int)name, m->name);
	if (v[2] > n || n - v[2] < MEMBER_BYTES || number(b + v[2], 4) != MEMBER)
		return err_set(e, ERR_CONFIG, "member %.*s: is not where it should be", (int)name, m->name);
	size_t data = v[2] + MEMBER_BYTES + number(b + v[2] + 26, 2) + number(b + v[2] + 28, 2);
	if (data > n || v[0] > n - data)
		return err_set(e, ERR_CONFIG, "member %.*s: cut short", (int)name, m->name);
	m->data = b + data;
	return 0;
}

static int compare_names(const char *a, size_t na, const char *b, size_t nb)
{
	int order = memcmp(a, b, na < nb ? na : nb);
	return order ? order : (na > nb) - (na < nb);
}

static int by_name(const void *a, const void *b)
{
	const zip_member *s = a, *t = b;
	return compare_names(s->name, s->name_bytes, t->name, t->name_bytes);
}

static int by_place(const void *a, const void *b)
{
	const zip_member *s = a, *t = b;
	return (s->data > t->data) - (s->data < t->data);
}

int zip_parse(zip *z, const void *bytes, size_t n, err *e)
{
	const unsigned char *b = bytes;
	contents c = { 0 };
	*z = (zip){ 0 };
	int code = read_end(&c, b, n, e);
	if (!code)
		code = mem_zero(&z->members, c.n, sizeof *z->members, "archive", e);
	size_t at = code ? 0 : c.at;
	for (; !code && z->n < c.n; z->n++)
		code = read_entry(&z->members[z->n], b, n, &at, c.at + c.bytes, e);
	if (code)
		return code;
	qsort(z->members, z->n, sizeof *z->members, by_place);
	const unsigned char *free_from = b;
	for (size_t i = 0; i < z->n; i++) {
		const zip_member *m = &z->members[i];
		if (m->data < free_from)
			return err_set(e, ERR_CONFIG, "member %.*s: lies on another", (int)m->name_bytes, m->name);
		free_from = m->data + m->bytes;
	}
	if (free_from > b + c.at)
		return err_set(e, ERR_CONFIG, "its table of contents lies on a member");
	qsort(z->members, z->n, sizeof *z->members, by_name);
	for (size_t i = 1; i < z->n; i++)
		if (!by_name(&z->members[i - 1], &z->members[i]))
			return err_set(e, ERR_CONFIG, "member %.*s: appears twice", (int)z->members[i].name_bytes, z->members[i].name);
	return 0;
}

void zip_free(zip *z)
{
	free(z->members);
	*z = (zip){ 0 };
}

static int name_against(const void *name, const void *m)
{
	const zip_member *t = m;
	return compare_names(name, strlen(name), t->name, t->name_bytes);
}

const zip_member *zip_find(const zip *z, const char *name)
{
	return z->n ? bsearch(name, z->members, z->n, sizeof *z->members, name_against) : NULL;
}

int zip_verify(const zip_member *m, err *e)
{
	uLong crc = crc32_z(0, m->data, m->bytes);
	if (crc != m->crc)
		return err_set(e, ERR_CONFIG, "member %.*s: damaged: its CRC-32 is %08lx, not %08lx", (int)m->name_bytes, m->name, crc,
			       (unsigned long)m->crc);
	return 0;
}
