#include "nii/source.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "base/mem.h"

enum { BUFFER = 1 << 16, MAX_RATIO = 1032, MAX_PADDING = 1 << 20 };

struct nii_source {
	infile *in;
	unsigned char *spool; /* what was left of a pipe, or NULL */
	size_t spooled;
	const unsigned char *next; /* stored bytes that are at hand */
	size_t left;
	bool gzip, ended; /* ended: the last byte was inflated */
	z_stream z;
	unsigned char buf[BUFFER];
};

const char *nii_source_name(const nii_source *s) { return in_name(s->in); }

/* More stored bytes; s->left is 0 only at the end. */
static int refill(nii_source *s, err *e)
{
	if (s->left || s->spool)
		return 0;
	s->next = s->buf;
	return in_read(s->in, s->buf, BUFFER, &s->left, e);
}

int nii_source_open(nii_source **out, const char *path, err *e)
{
	nii_source *s;
	int code = mem_zero(&s, 1, sizeof *s, path, e);
	if (code)
		return code;
	code = in_open(&s->in, path, e);
	if (!code)
		code = refill(s, e);
	if (!code && s->left >= 2 && s->next[0] == 0x1f && s->next[1] == 0x8b) {
		/* 16: gzip's frame and check sum */
		if (inflateInit2(&s->z, 15 + 16) != Z_OK)
			code = err_set(e, ERR_OS, "%s: no memory", path);
		else
			s->gzip = true;
	}
	if (code) {
		nii_source_close(s);
		return code;
	}
	*out = s;
	return 0;
}

void nii_source_close(nii_source *s)
{
	if (!s)
		return;
	if (s->gzip)
		inflateEnd(&s->z);
	in_close(s->in);
	free(s->spool);
	free(s);
}

/* Behind a gzip member there may be another one, or zeros (tapes and some file systems pad), and nothing else. */
static int next_member(nii_source *s, err *e)
{
	size_t zeros = 0;
	for (;;) {
		int code = refill(s, e);
		if (code)
			return code;
		if (!s->left) {
			s->ended = true;
			return 0;
		}
		if (!zeros && *s->next == 0x1f) {
			inflateReset(&s->z);
			return 0;
		}
		if (*s->next)
			return err_set(e, ERR_DATA, "%s: something else follows the compressed data", nii_source_name(s));
		zeros++;
		s->next++;
		s->left--;
	}
}

static int inflate_some(nii_source *s, unsigned char *p, size_t n, size_t *got, err *e)
{
	*got = 0;
	while (*got < n && !s->ended) {
		int code = refill(s, e);
		if (code)
			return code;
		if (!s->left)
			return err_set(e, ERR_DATA, "%s: cut short within the compressed data", nii_source_name(s));
		size_t take = s->left < BUFFER ? s->left : BUFFER, room = n - *got < 1 << 30 ? n - *got : 1 << 30;
		s->z.next_in = (unsigned char *)s->next;
		s->z.avail_in = (uInt)take;
		s->z.next_out = p + *got;
		s->z.avail_out = (uInt)room;
		int z = inflate(&s->z, Z_NO_FLUSH);
		s->next += take - s->z.avail_in;
		s->left -= take - s->z.avail_in;
		*got += room - s->z.avail_out;
		if (z == Z_STREAM_END)
			code = next_member(s, e);
		else if (z == Z_MEM_ERROR)
			code = err_set(e, ERR_OS, "%s: no memory", nii_source_name(s));
		else if (z != Z_OK)
			code = err_set(e, ERR_DATA, "%s: damaged compressed data (%s)", nii_source_name(s), s->z.msg ? s->z.msg : "gzip");
		if (code)
			return code;
	}
	return 0;
}

static int read_stored(nii_source *s, unsigned char *p, size_t n, size_t *got, err *e)
{
	*got = 0;
	while (*got < n) {
		int code = refill(s, e);
		if (code)
			return code;
		if (!s->left)
			return 0;
		size_t take = s->left < n - *got ? s->left : n - *got;
		memcpy(p + *got, s->next, take);
		s->next += take;
		s->left -= take;
		*got += take;
	}
	return 0;
}

int nii_source_read(nii_source *s, void *buf, size_t n, size_t *got, err *e)
{
	return s->gzip ? inflate_some(s, buf, n, got, e) : read_stored(s, buf, n, got, e);
}

/* The rest of a pipe, behind the stored bytes at hand. */
static int spool(nii_source *s, err *e)
{
	unsigned char *p = NULL;
	size_t cap = 0, have = s->left, got = BUFFER;
	int code = mem_grow(&p, &cap, have + 1, 1, nii_source_name(s), e);
	if (!code)
		memcpy(p, s->next, s->left);
	while (!code && got == BUFFER) {
		code = mem_grow(&p, &cap, have + BUFFER, 1, nii_source_name(s), e);
		if (!code)
			code = in_read(s->in, p + have, BUFFER, &got, e);
		if (!code)
			have += got;
	}
	if (code) {
		free(p);
		return code;
	}
	s->spool = p;
	s->spooled = (size_t)in_offset(s->in);
	s->next = p;
	s->left = have;
	return 0;
}

int nii_source_capacity(nii_source *s, uint64_t *bytes, err *e)
{
	int64_t size = in_size(s->in);
	if (size < 0 && !s->spool) {
		int code = spool(s, e);
		if (code)
			return code;
	}
	if (size < 0)
		size = (int64_t)s->spooled;
	*bytes = s->gzip ? (uint64_t)size * MAX_RATIO : (uint64_t)size;
	return 0;
}

int nii_source_finish(nii_source *s, err *e)
{
	unsigned char p[4096];
	size_t got, padding = 0;
	do {
		int code = nii_source_read(s, p, sizeof p, &got, e);
		if (code)
			return code;
		for (size_t i = 0; i < got; i++)
			if (p[i])
				return err_set(e, ERR_DATA, "%s: more data than the header says", nii_source_name(s));
		padding += got;
		if (padding > MAX_PADDING)
			return err_set(e, ERR_DATA, "%s: too much padding behind the image", nii_source_name(s));
	} while (got == sizeof p);
	return 0;
}
