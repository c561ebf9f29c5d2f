/* nii-mean: the mean of scans, or how much they differ. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/scan.h"
#include "nii/nii.h"

static bool spread, whole;

static const struct cli_option options[] = {
	{ 0, "sd", "the standard deviation over the scans (divisor N) instead of their mean", .flag = &spread },
	{ 0, "int16", "store whole numbers of 16 bits with a slope instead of float32", .flag = &whole },
	{ 0 },
};

static const struct cli tool = {
	.name = "nii-mean",
	.summary = "average scans, voxel by voxel",
	.operands = "FILE...",
	.min = 1,
	.max = -1,
	.common = CLI_OUTPUT | CLI_BINARY,
	.options = options,
};

/* Over the scans so far, by Welford's recurrence. */
struct moments {
	double *mean, *squares; /* [voxels]; squares: sum of (v - mean)^2 */
	size_t voxels, scans;
	volume first; /* the first scan, for its grid; its voxels become the result's */
	nii_header header; /* its header */
};

static void add(struct moments *m, const volume *v)
{
	m->scans++;
	for (size_t i = 0; i < m->voxels; i++) {
		double d = (double)v->v[i] - m->mean[i];
		m->mean[i] += d / (double)m->scans;
		m->squares[i] += d * ((double)v->v[i] - m->mean[i]);
	}
}

static int begin(struct moments *m, const char *path, err *e)
{
	int code = scan_read(&m->first, &m->header, path, e);
	if (code)
		return code;
	m->voxels = volume_count(m->first.n);
	code = mem_zero(&m->mean, m->voxels, sizeof *m->mean, "mean", e);
	if (!code)
		code = mem_zero(&m->squares, m->voxels, sizeof *m->squares, "standard deviation", e);
	if (!code)
		add(m, &m->first);
	return code;
}

static int go_on(struct moments *m, const char *path, err *e)
{
	const int *n = m->first.n;
	volume v;
	int code = scan_read(&v, NULL, path, e);
	if (code)
		return code;
	if (memcmp(v.n, n, sizeof v.n))
		code = err_set(e, ERR_DATA, "%s: %dx%dx%d voxels, but the first has %dx%dx%d", path, v.n[0], v.n[1], v.n[2], n[0], n[1],
			       n[2]);
	if (!code && !affine_same(v.affine, m->first.affine))
		code = err_set(e, ERR_DATA, "%s: lies elsewhere in space than the first", path);
	if (!code)
		add(m, &v);
	volume_free(&v);
	return code;
}

/* The header for --int16: the largest value takes the largest number. */
static void shorten(nii_header *h, const volume *v)
{
	double most = 0;
	for (size_t i = 0; i < volume_count(v->n); i++)
		most = fmax(most, fabs((double)v->v[i]));
	nii_header_int16(h, most > 0 ? most / INT16_MAX : 1);
}

int main(int argc, char **argv)
{
	int n;
	char **files = cli_parse(&tool, argc, argv, &n);
	struct moments m = { .scans = 0 };
	err e = { 0 };
	int code = begin(&m, files[0], &e);
	for (int i = 1; i < n && !code; i++)
		code = go_on(&m, files[i], &e);
	for (size_t i = 0; i < m.voxels && !code; i++)
		m.first.v[i] = (float)(spread ? sqrt(m.squares[i] / (double)m.scans) : m.mean[i]);
	if (!code && spread)
		nii_header_mean(&m.header, &(nii_meaning){ 0 });
	if (!code && whole)
		shorten(&m.header, &m.first);
	if (!code)
		code = nii_write(cli_common.output, cli_common.force, &m.header, &m.first, whole, NULL, &e);
	if (code)
		cli_fail(&e);
	free(m.mean);
	free(m.squares);
	volume_free(&m.first);
	nii_header_free(&m.header);
	return cli_done(0);
}
