#include "train/dataset.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/hidden.h"
#include "base/mem.h"
#include "base/philox.h"
#include "base/text.h"
#include "format/bids.h"
#include "format/lat.h"
#include "model/record.h"
#include "nii/nii.h"
#include "volume/intensity.h"

enum { LIST_BYTES = 1 << 26 };

/* Where a scan is in the file, in floats from its beginning: its voxels, then its warp, then its latent; each may be missing. */
struct place {
	size_t at, x, warp, z;
};

struct dataset_private {
	int fd;			/* what is kept of the scans, one after the other */
	void *map;
	size_t total;		/* floats in the file */
	size_t latent;		/* floats of one latent */
	size_t warp;		/* floats of one warp */
	struct place *places;	/* of each scan */
	size_t places_cap;
	float *z;		/* [latent], scratch */
	size_t cap, *order;	/* of the epoch drawn from last */
	uint64_t seed;
	int64_t epoch;		/* -1: none yet */
};

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);
	return n >= k && !strcmp(s + n - k, end);
}

static int append(const dataset *d, const float *v, size_t n, err *e)
{
	return fd_write(d->p->fd, v, n * sizeof *v) ? err_set(e, ERR_IO, "prepared scans: %s", strerror(errno)) : 0;
}

/* Takes in a scan: its voxels x on the model's grid, its warp, its latent z; NULL: not kept. */
static int add(dataset *d, const char *id, const float *x, const float *warp, const float *z, err *e)
{
	struct dataset_private *p = d->p;
	for (size_t i = 0; i < d->count; i++)
		if (!strcmp(d->scans[i].id, id))
			return err_set(e, ERR_DATA, "%s: appears twice among the scans", id);
	int code = mem_grow(&d->scans, &p->cap, d->count + 1, sizeof *d->scans, id, e);
	if (!code)
		code = mem_grow(&p->places, &p->places_cap, d->count + 1, sizeof *p->places, id, e);
	if (code)
		return code;
	dataset_scan *s = &d->scans[d->count];
	p->places[d->count] = (struct place){ p->total, x ? d->voxels : 0, warp ? p->warp : 0, z ? p->latent : 0 };
	p->total += p->places[d->count].x + p->places[d->count].warp + p->places[d->count].z;
	code = mem_text(&s->id, id, e);
	if (!code)
		code = mem_text(&s->subject, bids_label(bids_parse(id).participant), e);
	if (!code && x)
		code = append(d, x, d->voxels, e);
	if (!code && warp)
		code = append(d, warp, p->warp, e);
	if (!code && z)
		code = append(d, z, p->latent, e);
	d->count++;
	return code;
}

/* Takes in a scan's voxels, and its warp (NULL: it has none). */
static int add_voxels(dataset *d, const char *id, const float *x, const float *warp, const dataset_options *o, err *e)
{
	const dataset_latents *l = o->latents;
	if (!l)
		return add(d, id, x, warp, NULL, e);
	int code = l->encode(l->of, d->p->z, x, e);
	return code ? code : l->voxels == VOXELS_UNUSED ? add(d, id, NULL, NULL, d->p->z, e) : add(d, id, x, warp, d->p->z, e);
}

static int add_nifti(dataset *d, const char *path, const dataset_options *o, err *e)
{
	char id[NII_ID];
	volume scan = { 0 }, x = { 0 };
	nii_notes notes = { 0 };
	prepared how;
	char odd[INTENSITY_TEXT] = "";
	int code = nii_id(id, path, e);
	if (!code)
		code = nii_read(&scan, NULL, &notes, path, e);
	if (code)
		return code;
	code = prepare(&x, &how, &o->preparation, &scan, e);
	if (!code)
		code = intensity_concern(odd, &o->preparation, &how, &scan, &x, e);
	if (code)
		err_prefix(e, "%s", path);
	else
		code = add_voxels(d, id, x.v, NULL, o, e);
	const char *concern = code ? NULL : prepare_concern(&o->preparation, &how);
	if (o->warn && *odd)
		o->warn("%s: %s", path, odd);
	if (o->warn && concern)
		o->warn("%s: %s", path, concern);
	for (int i = 0; o->warn && i < notes.n; i++)
		o->warn("%s: %s", path, notes.line[i]);
	volume_free(&scan);
	volume_free(&x);
	return code;
}

/* Is record r prepared as the model wants it? */
static int check_preparation(const dataset *d, const lat_record *r, const dataset_options *o, err *e)
{
	const json_t *how = json_object_get(r->header, "preparation");
	preparation p;
	int code = how ? preparation_parse(&p, how, d->n, e) : 0;
	return !code && how && !preparation_same(&p, &o->preparation) ? err_set(e, ERR_DATA, "was prepared in another way") : code;
}

static int read_voxels(float **x, const dataset *d, const lat_record *r, err *e)
{
	int64_t shape[4] = { 1, d->n[0], d->n[1], d->n[2] };
	lat_tensor *t = NULL;
	int code = lat_need(r, "x", &t, e);
	if (!code && !lat_has_shape(t, 4, shape))
		code = err_set(e, ERR_DATA, "x is not on the model's grid of %dx%dx%d", d->n[0], d->n[1], d->n[2]);
	return code ? code : lat_floats(t, x, e);
}

static int read_latent(float **z, lat_tensor *t, const dataset_latents *l, err *e)
{
	char text[LAT_MAX_RANK * 21];
	lat_shape_text(t, text);
	int code = record_made_by(t, l->made_by, e);
	if (!code && !lat_has_shape(t, 4, l->z))
		code = err_set(e, ERR_DATA, "z of %s is no latent of the model", text);
	return code ? code : lat_floats(t, z, e);
}

/* *warp stays NULL where the record has none. */
static int read_warp(float **warp, dataset *d, const lat_record *r, err *e)
{
	lat_tensor *t = lat_find(r, "warp");
	if (!t)
		return 0;
	const int spacing = t->rank == 4 ? warp_spacing(t->shape, d->n) : 0;
	if (!spacing || (d->warp_spacing && d->warp_spacing != spacing))
		return err_set(e, ERR_DATA, "%s",
			       spacing ? "warp: has not the spacing of the others" : "warp: is not made for the model's grid");
	d->warp_spacing = spacing;
	d->p->warp = (size_t)t->elements;
	return lat_floats(t, warp, e);
}

static int add_record(dataset *d, const lat_record *r, const dataset_options *o, err *e)
{
	const dataset_latents *l = o->latents;
	lat_tensor *z = l && l->voxels != VOXELS_NEEDED && !lat_find(r, "x") ? lat_find(r, "z") : NULL;
	float *v = NULL, *warp = NULL;
	int code = z ? read_latent(&v, z, l, e) : read_voxels(&v, d, r, e);
	if (!code)
		code = check_preparation(d, r, o, e);
	if (!code && !z)
		code = read_warp(&warp, d, r, e);
	if (code)
		err_prefix(e, "%s", lat_id(r));
	else
		code = z ? add(d, lat_id(r), NULL, NULL, v, e) : add_voxels(d, lat_id(r), v, warp, o, e);
	free(v);
	free(warp);
	return code;
}

static int add_stream(dataset *d, const char *path, const dataset_options *o, err *e)
{
	infile *in = NULL;
	lat_reader *reader = NULL;
	lat_record *r;
	bool more;
	int code = in_open(&in, path, e);
	if (!code)
		code = lat_reader_new(&reader, in, e);
	do {
		r = NULL;
		if (!code)
			code = lat_read(reader, &r, e);
		if (!code && r)
			code = add_record(d, r, o, e);
		more = r != NULL;
		lat_free(r);
	} while (!code && more);
	lat_reader_free(reader);
	in_close(in);
	return code;
}

/* A stream begins with a skippable zstd frame: magic 0x184D2A50 to 0x184D2A5F, little-endian. */
static int is_stream(const char *path, bool *yes, err *e)
{
	unsigned char head[4] = { 0 };
	infile *in = NULL;
	size_t got = 0;
	int code = in_open(&in, path, e);
	if (!code)
		code = in_read(in, head, sizeof head, &got, e);
	in_close(in);
	*yes = (head[0] & 0xF0) == 0x50 && head[1] == 0x2A && head[2] == 0x4D && head[3] == 0x18;
	return code;
}

static int add_operand(dataset *d, const char *path, const dataset_options *o, err *e);

static int add_list(dataset *d, const char *path, const dataset_options *o, err *e)
{
	char *text = NULL;
	int code = text_read(&text, path, LIST_BYTES, e);
	for (char *rest = text, *line; !code && (line = text_line(&rest));) {
		if (!*line)
			continue;
		code = ends_with(line, ".txt") ? err_set(e, ERR_DATA, "%s: a list inside a list", line) : add_operand(d, line, o, e);
		if (code)
			err_prefix(e, "%s", path);
	}
	free(text);
	return code;
}

static int add_operand(dataset *d, const char *path, const dataset_options *o, err *e)
{
	bool stream = false;
	if (ends_with(path, ".txt"))
		return add_list(d, path, o, e);
	int code = is_stream(path, &stream, e);
	if (code)
		return code;
	return stream ? add_stream(d, path, o, e) : add_nifti(d, path, o, e);
}

/* Adds a name to a list for a message, as far as there is room: "a, b, .." */
static void name_in(char list[128], const char *name)
{
	size_t at = strlen(list);
	if (at + strlen(name) + 8 < 128)
		snprintf(list + at, 128 - at, "%s%s", at ? ", " : "", name);
	else if (at < 3 || strcmp(list + at - 2, ".."))
		snprintf(list + at, 128 - at, "%s..", at ? ", " : "");
}

/* Marks the scans of the subjects that a file names. A list that is meant for other scans would leave those to be judged by among those to
 * be trained on. */
static int split_by_file(dataset *d, const dataset_options *o, err *e)
{
	char *text = NULL, *save = NULL, missing[128] = "";
	size_t named = 0, unknown = 0;
	int code = text_read(&text, o->validation, LIST_BYTES, e);
	for (char *line = code ? NULL : strtok_r(text, " \t\r\n", &save); line; line = strtok_r(NULL, " \t\r\n", &save)) {
		const char *subject = bids_label(line);
		bool known = false;
		for (size_t i = 0; i < d->count; i++) {
			bool is = !strcmp(d->scans[i].subject, subject);
			d->scans[i].validation |= is;
			known |= is;
		}
		named++;
		unknown += !known;
		if (!known)
			name_in(missing, subject);
	}
	free(text);
	if (!code && !named)
		code = err_set(e, ERR_DATA, "%s: names no subject to validate on (--validation-share 0 holds none out)", o->validation);
	if (!code && unknown == named && d->count)
		code = err_set(
			e, ERR_DATA,
			"%s: of the subjects it names (%s) there is no scan; the scans' ids are like %.80s, which is of subject %.60s",
			o->validation, missing, d->scans[0].id, d->scans[0].subject);
	if (!code && unknown && o->warn)
		o->warn("%s: %zu of %zu subjects have no scan here: %s", o->validation, unknown, named, missing);
	return code;
}

static int split(dataset *d, const dataset_options *o, err *e)
{
	int code = 0;
	if (o->validation)
		code = split_by_file(d, o, e);
	for (size_t i = 0; !o->validation && i < d->count; i++)
		d->scans[i].validation = philox_uniform(philox_make(philox_hash(d->scans[i].subject), 0), 0) < o->share;
	if (!code)
		code = mem_zero(&d->train, d->count, sizeof *d->train, "scans", e);
	if (!code)
		code = mem_zero(&d->validation, d->count, sizeof *d->validation, "scans", e);
	for (size_t i = 0; !code && i < d->count; i++) {
		if (d->scans[i].validation)
			d->validation[d->n_validation++] = i;
		else
			d->train[d->n_train++] = i;
	}
	if (!code && !d->n_train)
		code = err_set(e, ERR_DATA, "no scans to train on (%zu to validate on)", d->n_validation);
	return code;
}

static int map_scans(dataset *d, err *e)
{
	struct dataset_private *p = d->p;
	struct sha256_ctx hash;
	p->map = mmap(NULL, p->total * sizeof(float), PROT_READ, MAP_SHARED, p->fd, 0);
	if (p->map == MAP_FAILED) {
		p->map = NULL;
		return err_set(e, ERR_OS, "prepared scans: %s", strerror(errno));
	}
	sha256_init(&hash);
	for (size_t i = 0; i < d->count; i++) {
		dataset_scan *s = &d->scans[i];
		const struct place *at = &p->places[i];
		const float *v = (const float *)p->map + at->at;
		s->x = at->x ? v : NULL;
		s->warp = at->warp ? v + at->x : NULL;
		s->z = at->z ? v + at->x + at->warp : NULL;
		sha256_update(&hash, strlen(s->id) + 1, (const uint8_t *)s->id);
		sha256_update(&hash, 1, (const uint8_t[]){ s->validation });
		sha256_update(&hash, (at->x + at->warp + at->z) * sizeof *v, (const uint8_t *)v);
	}
	sha256_text(&hash, d->hash);
	return 0;
}

static int open_nameless(int *fd, const char *folder, err *e)
{
	char *path;
	const char *hidden = NULL;
	if (asprintf(&path, "%s/", folder) < 0)
		return err_set(e, ERR_OS, "%s: no memory", folder);
	*fd = hidden_open(path, O_RDWR, &hidden);
	int code = *fd < 0 ? err_set(e, ERR_CREATE, "%s: %s", folder, strerror(errno)) : 0;
	hidden_remove(hidden);
	free(path);
	return code;
}

int dataset_open(dataset **out, char **operands, int n, const dataset_options *o, err *e)
{
	dataset *d = NULL;
	int code = mem_zero(&d, 1, sizeof *d, "scans", e);
	if (!code)
		code = mem_zero(&d->p, 1, sizeof *d->p, "scans", e);
	if (code) {
		free(d);
		return code;
	}
	memcpy(d->n, o->preparation.n, sizeof d->n);
	d->voxels = volume_count(d->n);
	d->p->epoch = -1;
	d->p->fd = -1;
	d->p->latent = o->latents ? (size_t)(o->latents->z[0] * o->latents->z[1] * o->latents->z[2] * o->latents->z[3]) : 0;
	code = mem_zero(&d->p->z, d->p->latent, sizeof *d->p->z, "latent", e);
	if (!code)
		code = open_nameless(&d->p->fd, o->folder, e);
	for (int i = 0; !code && i < n; i++)
		code = add_operand(d, operands[i], o, e);
	if (!code)
		code = split(d, o, e);
	if (!code)
		code = map_scans(d, e);
	if (!code)
		code = mem_zero(&d->p->order, d->n_train, sizeof *d->p->order, "scans", e);
	if (code) {
		dataset_close(d);
		return code;
	}
	*out = d;
	return 0;
}

void dataset_close(dataset *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->count; i++) {
		free(d->scans[i].id);
		free(d->scans[i].subject);
	}
	if (d->p->map)
		munmap(d->p->map, d->p->total * sizeof(float));
	if (d->p->fd >= 0)
		close(d->p->fd);
	free(d->p->order);
	free(d->p->places);
	free(d->p->z);
	free(d->p);
	free(d->scans);
	free(d->train);
	free(d->validation);
	free(d);
}

size_t dataset_judged(const dataset *d, const size_t **which)
{
	*which = d->n_validation ? d->validation : d->train;
	return d->n_validation ? d->n_validation : d->n_train < 8 ? d->n_train : 8;
}

const dataset_scan *dataset_draw(const dataset *d, uint64_t seed, int64_t step)
{
	struct dataset_private *p = d->p;
	int64_t epoch = step / (int64_t)d->n_train;
	if (p->epoch != epoch || p->seed != seed) {
		/* Fisher and Yates' shuffle */
		philox random = philox_make(seed, (uint64_t)epoch ^ philox_hash("order of scans"));
		for (size_t i = 0; i < d->n_train; i++)
			p->order[i] = d->train[i];
		for (size_t i = d->n_train - 1; i > 0; i--) {
			size_t k = (size_t)(philox_uniform(random, i) * (double)(i + 1)), other = p->order[k];
			p->order[k] = p->order[i];
			p->order[i] = other;
		}
		p->epoch = epoch;
		p->seed = seed;
	}
	return &d->scans[p->order[step % (int64_t)d->n_train]];
}

augment_shape dataset_shapes(const dataset *d, const dataset_scan *s, philox r)
{
	const dataset_scan *other = &d->scans[d->train[(size_t)(philox_uniform(r, 0) * (double)d->n_train)]];
	return (augment_shape){ s->warp, s->warp ? other->warp : NULL, d->warp_spacing };
}
