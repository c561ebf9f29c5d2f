#include "nii/sink.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/file.h"
#include "base/mem.h"

/* Level: voxels in float hardly shrink further with more effort. */
enum { BUFFER = 1 << 16, LEVEL = 3 };

struct nii_sink {
	outfile *out;
	bool gzip;
	z_stream z;
	unsigned char buf[BUFFER];
};

int nii_sink_open(nii_sink **out, const char *path, bool force, bool gzip, err *e)
{
	nii_sink *s;
	int code = mem_zero(&s, 1, sizeof *s, path, e);
	if (code)
		return code;
	code = out_open(&s->out, path, force, e);
	/* 16: gzip's frame; zlib's own header for it has time 0 */
	if (!code && gzip && deflateInit2(&s->z, LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		code = err_set(e, ERR_OS, "%s: no memory", path);
	s->gzip = gzip && !code;
	if (code) {
		nii_sink_abort(s);
		return code;
	}
	*out = s;
	return 0;
}

/* What deflate has to say, up to its end when `flush` is Z_FINISH. */
static int drain(nii_sink *s, int flush, err *e)
{
	int code = 0;
	do {
		s->z.next_out = s->buf;
		s->z.avail_out = BUFFER;
		deflate(&s->z, flush);
		code = out_write(s->out, s->buf, BUFFER - s->z.avail_out, e);
	} while (!code && s->z.avail_out == 0);
	return code;
}

int nii_sink_write(nii_sink *s, const void *p, size_t n, err *e)
{
	if (!s->gzip)
		return out_write(s->out, p, n, e);
	int code = 0;
	for (size_t done = 0, take; !code && done < n; done += take) {
		take = n - done < 1 << 30 ? n - done : 1 << 30;
		s->z.next_in = (unsigned char *)p + done;
		s->z.avail_in = (uInt)take;
		code = drain(s, Z_NO_FLUSH, e);
	}
	return code;
}

int nii_sink_commit(nii_sink *s, err *e)
{
	int code = s->gzip ? drain(s, Z_FINISH, e) : 0;
	if (code) {
		nii_sink_abort(s);
		return code;
	}
	code = out_commit(s->out, e);
	s->out = NULL;
	nii_sink_abort(s);
	return code;
}

void nii_sink_abort(nii_sink *s)
{
	if (!s)
		return;
	if (s->gzip)
		deflateEnd(&s->z);
	out_abort(s->out);
	free(s);
}
