/* libFuzzer: a NumPy file of any bytes is read, and written again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "format/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static int fd = -1;
	static char path[32];
	infile *in = NULL;
	outfile *out = NULL;
	npy_array a;
	err e = { 0 };
	if (fd < 0) {
		fd = memfd_create("in", 0);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	if (ftruncate(fd, 0) || pwrite(fd, data, n, 0) != (ssize_t)n || in_open(&in, path, &e) || out_open(&out, "/dev/null", true, &e))
		abort();
	if (!npy_read(&a, in, &e)) {
		if (npy_write(out, a.dtype, a.rank, a.shape, a.data, &e))
			abort();
		free(a.data);
	}
	in_close(in);
	out_abort(out);
	return 0;
}
