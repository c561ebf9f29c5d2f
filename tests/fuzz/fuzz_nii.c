/* Any bytes as a NIfTI file: refused, or read, prepared, and written back under the same header. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nii/nii.h"
#include "volume/prepare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 1 << 22 }; /* voxels: more take long, and do nothing new */

static void check(bool good)
{
	if (!good)
		abort();
}

/* A failure has its code, and one line of text. */
static void check_error(int code, const err *e) { check(code == e->code && *e->text && !strchr(e->text, '\n')); }

static void read_file(const uint8_t *data, size_t size)
{
	err e = { 0 };
	volume v, x;
	nii_header h, again;
	nii_notes notes;
	prepared how;
	const preparation small = { .kind = PREPARE_WORLD,
				    .n = { 4, 5, 6 },
				    .affine = { { 40, 0, 0, -90 }, { 0, 40, 0, -120 }, { 0, 0, 40, -90 } } };
	const preparation stored = { .kind = PREPARE_STORED, .n = { 4, 5, 6 }, .spacing = 30 };
	char path[64];
	int fd = memfd_create("fuzz", 0);
	check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int code = nii_read(&v, &h, &notes, path, &e);
	close(fd);
	if (code) {
		check_error(code, &e);
		check(!v.v);
		return;
	}
	size_t count = volume_count(v.n);
	check(!nii_header_parse(&again, h.bytes, h.size, "again", &e));
	check(!memcmp(again.affine, h.affine, sizeof h.affine) && again.offset == h.offset);
	nii_header_free(&again);
	if (count <= MOST) {
		code = prepare(&x, &how, &small, &v, &e);
		check(!code);
		volume_free(&x);
		code = prepare(&x, &how, &stored, &v, &e);
		if (code)
			check_error(code, &e);
		else
			volume_free(&x);
		check(!nii_write("/dev/null", true, &h, &v, true, NULL, &e));
		check(!nii_write("/dev/null", true, &h, &v, false, NULL, &e));
	}
	nii_header_free(&h);
	volume_free(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	err e = { 0 };
	nii_header h;
	int code = nii_header_parse(&h, data, size, "header", &e);
	if (code)
		check_error(code, &e);
	else
		nii_header_free(&h);
	read_file(data, size);
	return 0;
}
