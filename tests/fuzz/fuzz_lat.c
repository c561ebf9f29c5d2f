/* libFuzzer: a stream of any bytes is read to its end, looked into and written again. Its headers' CRCs are put right first, so that
 * what lies behind them is reached. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "format/head.h"
#include "format/lat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int in_fd = -1;
static char in_path[32];

/* The CRC of everything that begins as a header does and has room. */
static void mend(uint8_t *p, size_t n)
{
	for (size_t i = 0; i + HEAD_FRONT + HEAD_BACK <= n; i++) {
		uint32_t size, crc;
		if (memcmp(p + i, "\x5d\x2a\x4d\x18", 4))
			continue;
		memcpy(&size, p + i + 4, sizeof size);
		if (size < HEAD_FRONT - HEAD_SKIPPED + HEAD_BACK || size > n - i - HEAD_SKIPPED)
			continue;
		crc = (uint32_t)crc32_z(0, p + i, HEAD_SKIPPED + size - HEAD_BACK);
		memcpy(p + i + HEAD_SKIPPED + size - HEAD_BACK, &crc, sizeof crc);
	}
}

static void look(lat_record *r)
{
	err e = { 0 };
	for (int i = 0; i < r->count; i++) {
		lat_tensor *t = &r->tensors[i];
		float *v = NULL;
		if (!lat_verify(t, &e) && t->elements < 1 << 20 && !lat_floats(t, &v, &e))
			free(v);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	infile *in = NULL;
	outfile *out = NULL;
	lat_reader *rd = NULL;
	lat_writer *w = NULL;
	lat_record *r = NULL;
	err e = { 0 };
	if (!n)
		return 0;
	if (in_fd < 0) {
		in_fd = memfd_create("in", 0);
		snprintf(in_path, sizeof in_path, "/proc/self/fd/%d", in_fd);
	}
	uint8_t *copy = malloc(n);
	if (!copy)
		return 0;
	memcpy(copy, data, n);
	mend(copy, n);
	if (ftruncate(in_fd, 0) || pwrite(in_fd, copy, n, 0) != (ssize_t)n)
		abort();
	free(copy);
	if (in_open(&in, in_path, &e) || out_open(&out, "/dev/null", true, &e) || lat_reader_new(&rd, in, &e) ||
	    lat_writer_new(&w, out, &e))
		abort();
	while (!lat_read(rd, &r, &e) && r) {
		look(r);
		if (lat_write(w, r, &e) && e.code != ERR_DATA)
			abort();
		lat_free(r);
	}
	lat_reader_free(rd);
	lat_writer_free(w);
	in_close(in);
	out_abort(out);
	return 0;
}
