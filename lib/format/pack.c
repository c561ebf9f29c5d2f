#include "format/pack.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/mem.h"

enum { BLOCK = 128 << 10, WINDOW_LOG = 23 };

/* Byte k of every element goes to plane k: exponents lie beside exponents, noise beside noise. */
static void shuffle(unsigned char *dst, const unsigned char *src, size_t n, size_t size)
{
	for (size_t k = 0; k < size; k++)
		for (size_t i = 0; i < n; i++)
			dst[k * n + i] = src[i * size + k];
}

static void unshuffle(unsigned char *dst, const unsigned char *src, size_t n, size_t size)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < size; k++)
			dst[i * size + k] = src[k * n + i];
}

/* One frame from `planes` equal parts, each flushed so that it has blocks, hence statistics, of its own. */
static int compress(ZSTD_CCtx *z, ZSTD_outBuffer *out, const unsigned char *src, size_t n, size_t planes, int level, err *e)
{
	size_t part = n / planes, r;
	ZSTD_CCtx_reset(z, ZSTD_reset_session_and_parameters);
	ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
	ZSTD_CCtx_setPledgedSrcSize(z, n);
	for (size_t k = 0; k < planes; k++) {
		ZSTD_inBuffer in = { src + k * part, part, 0 };
		size_t before;
		do {
			before = out->pos + in.pos;
			r = ZSTD_compressStream2(z, out, &in, k + 1 == planes ? ZSTD_e_end : ZSTD_e_flush);
		} while (!ZSTD_isError(r) && r && out->pos + in.pos > before);
		if (ZSTD_isError(r) || r)
			return err_set(e, ERR_OS, "zstd: %s", r && !ZSTD_isError(r) ? "no room" : ZSTD_getErrorName(r));
	}
	return 0;
}

/* What is tried; figures for a brain of 128x160x128 (int16 scaled to 0..1 / interpolated): none at level 9 1.31 / 2.36 MB, shuffle at
 * level 9 2.15 / 2.35 MB. Latents are noise but for their exponents: level 1 looks for fewer matches and gains 1 % on them. */
static const struct {
	const char *filter;
	bool shuffled;
	int level;
} ways[] = { { "none", false, 9 }, { "shuffle", true, 9 }, { "shuffle", true, 1 } };

int pack(unsigned char **frame, size_t *bytes, const char **filter, const void *data, size_t n, size_t size, err *e)
{
	size_t raw = n * size, room = ZSTD_compressBound(raw) + size * 16, best = 0;
	unsigned char *planes = NULL, *kept = NULL, *tried = NULL;
	ZSTD_CCtx *z = ZSTD_createCCtx();
	int code = z ? 0 : err_set(e, ERR_OS, "zstd: no memory");
	if (!code)
		code = mem_zero(&kept, room, 1, "tensor", e);
	if (!code)
		code = mem_zero(&tried, room, 1, "tensor", e);
	if (!code && size > 1) {
		code = mem_zero(&planes, n, size, "tensor", e);
		if (!code)
			shuffle(planes, data, n, size);
	}
	for (size_t i = 0; !code && i < sizeof ways / sizeof *ways; i++) {
		bool shuffled = ways[i].shuffled;
		if (shuffled && size == 1)
			continue;
		ZSTD_outBuffer out = { tried, room, 0 };
		code = compress(z, &out, shuffled ? planes : data, raw, shuffled ? size : 1, ways[i].level, e);
		if (!code && (!best || out.pos < best)) {
			unsigned char *was = kept;
			kept = tried;
			tried = was;
			best = out.pos;
			*filter = ways[i].filter;
		}
	}
	ZSTD_freeCCtx(z);
	free(planes);
	free(tried);
	if (code) {
		free(kept);
		return code;
	}
	unsigned char *fitted = realloc(kept, best);
	*frame = fitted ? fitted : kept;
	*bytes = best;
	return 0;
}

/* RFC 8878, 3.1.1. */
int pack_inspect(const unsigned char *f, size_t bytes, size_t raw, err *e)
{
	if (bytes < 6 || memcmp(f, "\x28\xb5\x2f\xfd", 4))
		return err_set(e, ERR_DATA, "not a zstd frame");
	bool single = f[4] & 0x20;
	static const unsigned char size_bytes[] = { 0, 2, 4, 8 };
	size_t width = f[4] >> 6 ? size_bytes[f[4] >> 6] : single, at = single ? 5 : 6;
	if ((f[4] & 0x1f) != 0x04 || !width)
		return err_set(e, ERR_DATA, "a zstd frame without checksum or content size, or with a dictionary");
	if (bytes < at + width)
		return err_set(e, ERR_DATA, "a zstd frame cut short");
	uint64_t content = 0;
	for (size_t i = width; i-- > 0;)
		content = content << 8 | f[at + i];
	content += width == 2 ? 256 : 0;
	uint64_t window = single ? content : (uint64_t)1 << (10 + (f[5] >> 3));
	window += single ? 0 : window / 8 * (f[5] & 7);
	if (window > (uint64_t)1 << WINDOW_LOG)
		return err_set(e, ERR_DATA, "a zstd frame with a window larger than 8 MiB");
	if (raw && content != raw)
		return err_set(e, ERR_DATA, "a zstd frame of %llu bytes where %zu are announced", (unsigned long long)content, raw);
	uint64_t most = 0;
	bool last = false;
	for (at += width; !last;) {
		if (bytes - at < 3)
			return err_set(e, ERR_DATA, "a zstd frame cut short");
		uint32_t head = f[at] | (uint32_t)f[at + 1] << 8 | (uint32_t)f[at + 2] << 16, type = head >> 1 & 3, size = head >> 3;
		last = head & 1;
		at += 3;
		if (type == 3 || size > BLOCK)
			return err_set(e, ERR_DATA, "a zstd frame with a bad block");
		size_t stored = type == 1 ? 1 : size;
		if (bytes - at < stored)
			return err_set(e, ERR_DATA, "a zstd frame cut short");
		at += stored;
		most += type == 2 ? BLOCK : size;
	}
	if (bytes - at != 4)
		return err_set(e, ERR_DATA, "not one zstd frame of %zu bytes", bytes);
	if (content > most)
		return err_set(e, ERR_DATA, "a zstd frame too short for its %llu bytes", (unsigned long long)content);
	return 0;
}

/* r: what zstd answered, an error. No memory is no damage. */
static int refuse_frame(size_t r, err *e)
{
	int code = ZSTD_getErrorCode(r) == ZSTD_error_memory_allocation ? ERR_OS : ERR_DATA;
	return err_set(e, code, code == ERR_OS ? "zstd: %s" : "damaged zstd frame: %s", ZSTD_getErrorName(r));
}

int unpack(void *data, size_t n, size_t size, const unsigned char *frame, size_t bytes, const char *filter, err *e)
{
	bool shuffled = !strcmp(filter, "shuffle");
	unsigned char *planes = NULL;
	if (!shuffled && strcmp(filter, "none"))
		return err_set(e, ERR_DATA, "filter '%s' is not known", filter);
	if (shuffled) {
		int code = mem_zero(&planes, n, size, "tensor", e);
		if (code)
			return code;
	}
	size_t r = ZSTD_decompress(shuffled ? planes : data, n * size, frame, bytes);
	if (!ZSTD_isError(r) && r == n * size && shuffled)
		unshuffle(data, planes, n, size);
	free(planes);
	if (ZSTD_isError(r))
		return refuse_frame(r, e);
	return r == n * size ? 0 : err_set(e, ERR_DATA, "damaged zstd frame: too short");
}

int unpack_test(const unsigned char *frame, size_t bytes, err *e)
{
	static const size_t room = 1 << 18;
	ZSTD_DCtx *z = ZSTD_createDCtx();
	unsigned char *out = malloc(room);
	size_t r = 1;
	int code = z && out ? 0 : err_set(e, ERR_OS, "zstd: no memory");
	ZSTD_inBuffer in = { frame, bytes, 0 };
	if (!code)
		ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, WINDOW_LOG);
	while (!code && r) {
		ZSTD_outBuffer o = { out, room, 0 };
		size_t before = in.pos;
		r = ZSTD_decompressStream(z, &o, &in);
		if (ZSTD_isError(r))
			code = refuse_frame(r, e);
		else if (r && in.pos == before && !o.pos)
			code = err_set(e, ERR_DATA, "a zstd frame cut short");
	}
	ZSTD_freeDCtx(z);
	free(out);
	return code;
}
