/* make-nii OUT [KEY=VALUE...]: a made-up brain as a NIfTI file, written without lib/nii. The same place of the world has the same value
 * whatever the order of the axes. Keys (defaults): order=RAS mm=2 type=int16 version=1 swap=0 qform=1 sform=1 degrees=0 (a turn about z
 * and x) shear=0 frames=1 slope=0 inter=0 extension=0 odd=0 (NaN or infinity in that many voxels, float types) shift=0 (mm to the right)
 * scale=1 (of the brain's size). OUT ending in .hdr makes a pair, in .gz a compressed file. */
#include <math.h>
#include <nifti2_io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { BX = 90, BY = 110, BZ = 86 }; /* of 2 mm, in RAS order */

static char **arguments;

static const char *text(const char *key, const char *otherwise)
{
	size_t n = strlen(key);
	for (char **a = arguments; *a; a++)
		if (!strncmp(*a, key, n) && (*a)[n] == '=')
			return *a + n + 1;
	return otherwise;
}

static double number(const char *key, double otherwise)
{
	const char *t = text(key, NULL);
	return t ? atof(t) : otherwise;
}

/* A soft-edged ellipsoid with folds and two dark cavities, 0..1000. */
static double brain(const double mm[3], double scale)
{
	double x = mm[0] / scale, y = (mm[1] + 20) / scale, z = (mm[2] - 9) / scale;
	double r = sqrt(x * x / 71 / 71 + y * y / 89 / 89 + z * z / 67 / 67);
	double inside = 1 / (1 + exp((r - 1) * 40)), folds = .5 + .5 * cos(x / 5 + sin(y / 9)) * cos(y / 6) * cos(z / 5.5);
	double cavity = exp(-(pow((fabs(x) - 13) / 7, 2) + pow(y / 24, 2) + pow((z - 6) / 10, 2)));
	double v = inside * (620 + 300 * folds * r - 450 * cavity);
	return floor(v + .5); /* so that every type holds it */
}

static int type_code(const char *name, int *bytes)
{
	static const struct {
		const char *name;
		int code, bytes;
	} types[] = { { "uint8", 2, 1 },    { "int16", 4, 2 },	  { "int32", 8, 4 },   { "float32", 16, 4 },
		      { "float64", 64, 8 }, { "uint16", 512, 2 }, { "int64", 1024, 8 } };
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (!strcmp(name, types[i].name)) {
			*bytes = types[i].bytes;
			return types[i].code;
		}
	fprintf(stderr, "make-nii: no type %s\n", name);
	exit(64);
}

static void store(unsigned char *p, double v, int code)
{
	int16_t i16 = (int16_t)lrint(fmin(v, 32767));
	uint16_t u16 = (uint16_t)lrint(v);
	int32_t i32 = (int32_t)lrint(v);
	int64_t i64 = lrint(v);
	float f = (float)v;
	switch (code) {
	case 2:
		*p = (unsigned char)lrint(v / 4);
		break;
	case 4:
		memcpy(p, &i16, 2);
		break;
	case 8:
		memcpy(p, &i32, 4);
		break;
	case 16:
		memcpy(p, &f, 4);
		break;
	case 64:
		memcpy(p, &v, 8);
		break;
	case 512:
		memcpy(p, &u16, 2);
		break;
	case 1024:
		memcpy(p, &i64, 8);
		break;
	}
}

/* Array axis k runs along world axis axis[k], backwards where back[k]. */
static void read_order(int axis[3], int back[3])
{
	const char *order = text("order", "RAS");
	for (int k = 0; k < 3; k++) {
		const char *p = strchr("RLASPI", order[k]);
		axis[k] = strchr("RL", order[k]) ? 0 : strchr("AP", order[k]) ? 1 : 2;
		back[k] = strchr("LPI", order[k]) != NULL;
		if (!p)
			exit(64);
	}
}

/* Base voxel -> world. */
static nifti_dmat44 base_affine(const int n[3], double mm)
{
	double a = number("degrees", 0) * acos(-1) / 180, c = cos(a), s = sin(a), shear = number("shear", 0);
	double turn[3][3] = { { c, -s * c, s * s }, { s, c * c, -s * c }, { 0, s, c } }, middle[3] = { number("shift", 0), -18, 14 };
	nifti_dmat44 m = { { { 0 } } };
	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < 3; j++)
			m.m[i][j] = mm * (turn[i][j] + (j > 0 ? shear * turn[i][j - 1] : 0));
		m.m[i][3] = middle[i];
		for (int j = 0; j < 3; j++)
			m.m[i][3] -= m.m[i][j] * (n[j] - 1) / 2;
	}
	m.m[3][3] = 1;
	return m;
}

static nifti_2_header make_header(const int n[3], int code, int bytes, nifti_dmat44 m)
{
	nifti_2_header h = { .sizeof_hdr = 540,
			     .datatype = (int16_t)code,
			     .bitpix = (int16_t)(8 * bytes),
			     .vox_offset = 544,
			     .xyzt_units = 2,
			     .intent_code = 0,
			     .slice_duration = .25,
			     .descrip = "a made-up brain",
			     .aux_file = "none",
			     .intent_name = "T1w" };
	double d[4], q[10];
	h.dim[0] = number("frames", 1) > 1 ? 4 : 3;
	for (int k = 0; k < 7; k++)
		h.dim[k + 1] = k < 3 ? n[k] : k == 3 ? (int64_t)number("frames", 1) : 1;
	nifti_dmat44_to_quatern(m, &q[0], &q[1], &q[2], &q[3], &q[4], &q[5], &d[1], &d[2], &d[3], &d[0]);
	memcpy(h.pixdim, d, sizeof d);
	h.quatern_b = q[0];
	h.quatern_c = q[1];
	h.quatern_d = q[2];
	h.qoffset_x = q[3];
	h.qoffset_y = q[4];
	h.qoffset_z = q[5];
	h.qform_code = (int)number("qform", 1);
	h.sform_code = (int)number("sform", 1);
	if (h.sform_code > 0) {
		memcpy(h.srow_x, m.m[0], sizeof h.srow_x);
		memcpy(h.srow_y, m.m[1], sizeof h.srow_y);
		memcpy(h.srow_z, m.m[2], sizeof h.srow_z);
	}
	h.scl_slope = number("slope", 0);
	h.scl_inter = number("inter", 0);
	return h;
}

static nifti_1_header narrow(const nifti_2_header *s)
{
	nifti_1_header h = { .sizeof_hdr = 348,
			     .datatype = s->datatype,
			     .bitpix = s->bitpix,
			     .vox_offset = (float)(s->vox_offset - 192),
			     .xyzt_units = (char)s->xyzt_units,
			     .scl_slope = (float)s->scl_slope,
			     .scl_inter = (float)s->scl_inter,
			     .quatern_b = (float)s->quatern_b,
			     .quatern_c = (float)s->quatern_c,
			     .quatern_d = (float)s->quatern_d,
			     .qoffset_x = (float)s->qoffset_x,
			     .qoffset_y = (float)s->qoffset_y,
			     .qoffset_z = (float)s->qoffset_z,
			     .qform_code = (short)s->qform_code,
			     .sform_code = (short)s->sform_code,
			     .slice_duration = .25f,
			     .magic = "n+1" };
	for (int i = 0; i < 8; i++) {
		h.dim[i] = (short)s->dim[i];
		h.pixdim[i] = (float)s->pixdim[i];
	}
	for (int i = 0; i < 4; i++) {
		h.srow_x[i] = (float)s->srow_x[i];
		h.srow_y[i] = (float)s->srow_y[i];
		h.srow_z[i] = (float)s->srow_z[i];
	}
	memcpy(h.descrip, s->descrip, sizeof h.descrip);
	memcpy(h.aux_file, s->aux_file, sizeof h.aux_file);
	memcpy(h.intent_name, s->intent_name, sizeof h.intent_name);
	return h;
}

static gzFile open_out(const char *path)
{
	size_t n = strlen(path);
	gzFile f = gzopen(path, n > 3 && !strcmp(path + n - 3, ".gz") ? "wb1" : "wbT");
	if (!f)
		exit(73);
	return f;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 64;
	arguments = argv + 2;
	char path[4096];
	snprintf(path, sizeof path, "%s", argv[1]);
	char *hdr = strstr(path, ".hdr");
	double mm = number("mm", 2), scale = number("scale", 1);
	int axis[3], back[3], bytes, base[3] = { (int)(BX * 2 / mm), (int)(BY * 2 / mm), (int)(BZ * 2 / mm) }, n[3],
				     odd = (int)number("odd", 0);
	int code = type_code(text("type", "int16"), &bytes), swap = (int)number("swap", 0), extension = (int)number("extension", 0);
	read_order(axis, back);
	nifti_dmat44 m = base_affine(base, mm), stored = m;
	for (int k = 0; k < 3; k++)
		n[k] = base[axis[k]];
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 3; k++) {
			stored.m[i][k] = back[k] ? -m.m[i][axis[k]] : m.m[i][axis[k]];
			stored.m[i][3] += back[k] ? m.m[i][axis[k]] * (n[k] - 1) : 0;
		}
	nifti_2_header h2 = make_header(n, code, bytes, stored);
	memcpy(h2.magic, hdr ? "ni2\0\r\n\032\n" : "n+2\0\r\n\032\n", 8);
	h2.vox_offset += extension ? 48 : 0;
	nifti_1_header h1 = narrow(&h2);
	memcpy(h1.magic, hdr ? "ni1" : "n+1", 4);
	if (hdr)
		h1.vox_offset = 0, h2.vox_offset = 0;
	if (swap) {
		nifti_swap_as_nifti1(&h1);
		nifti_swap_as_nifti2(&h2);
	}
	gzFile f = open_out(path);
	if (number("version", 1) == 2)
		gzwrite(f, &h2, 540);
	else
		gzwrite(f, &h1, 348);
	unsigned char more[52] = { (unsigned char)(extension != 0) };
	memcpy(more + 4, swap ? "\0\0\0\60\0\0\0\6" : "\60\0\0\0\6\0\0\0", 8);
	strcpy((char *)more + 12, "words of the user");
	gzwrite(f, more, extension ? 52 : 4);
	if (hdr) {
		gzclose(f);
		memcpy(hdr, ".img", 4);
		f = open_out(path);
	}
	for (int frame = 0; frame < (int)number("frames", 1); frame++)
		for (int k = 0; k < n[2]; k++)
			for (int j = 0; j < n[1]; j++)
				for (int i = 0; i < n[0]; i++) {
					int to[3] = { i, j, k }, at[3];
					double world[3];
					unsigned char p[16];
					for (int a = 0; a < 3; a++)
						at[axis[a]] = back[a] ? n[a] - 1 - to[a] : to[a];
					for (int a = 0; a < 3; a++)
						world[a] = m.m[a][0] * at[0] + m.m[a][1] * at[1] + m.m[a][2] * at[2] + m.m[a][3];
					world[0] -= number("shift", 0);
					double v = brain(world, scale);
					store(p, odd-- > 0 ? (odd % 2 ? NAN : INFINITY) : v, code);
					if (swap && bytes > 1)
						nifti_swap_Nbytes(1, bytes, p);
					gzwrite(f, p, (unsigned)bytes);
				}
	return gzclose(f) == Z_OK ? 0 : 74;
}
