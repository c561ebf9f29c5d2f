#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "volume/grid.h"
#include "volume/paint.h"
#include "volume/percentile.h"
#include "volume/picture.h"

enum { GAP = 4, ZOOM = 2, CAPTION = GLYPH_HEIGHT * ZOOM + 2 * GAP, MAX_SIDE = 1 << 15 };

mosaic_options mosaic_default(void)
{
	return (mosaic_options){ .slices = 3, .size = 220, .planes = "acs", .low = NAN, .high = NAN, .difference = true, .contrast = 4 };
}

/* What the cells of a mosaic have in common. */
struct frame {
	const mosaic_options *options;
	double from[3], to[3]; /* world mm: right, front, up */
	double mm; /* per pixel */
	int pixels[3]; /* along these axes */
	double low, high;
};

/* ---- frame ---- */

static int grey_range(struct frame *f, const volume *v, const mosaic_options *o, err *e)
{
	size_t count = volume_count(v->n), kept = 0;
	float *nonzero;
	double least = 0;
	int code = mem_zero(&nonzero, count, sizeof *nonzero, "picture", e);
	if (code)
		return code;
	for (size_t i = 0; i < count; i++) {
		least = fmin(least, (double)v->v[i]);
		if (v->v[i] != 0)
			nonzero[kept++] = v->v[i];
	}
	f->low = isnan(o->low) ? least : o->low;
	f->high = isnan(o->high) ? (kept ? percentile(nonzero, kept, .995) : 1) : o->high;
	if (!(f->high > f->low))
		f->high = f->low + 1;
	free(nonzero);
	return 0;
}

/* The box in the world round the voxels brighter than `least`; false when there are none. */
static bool box(struct frame *f, const volume *v, double least)
{
	volume g = *v;
	size_t voxel = 0;
	for (int a = 0; a < 3; a++) {
		f->from[a] = INFINITY;
		f->to[a] = -INFINITY;
	}
	for (int i = 0; i < g.n[0]; i++)
		for (int j = 0; j < g.n[1]; j++)
			for (int k = 0; k < g.n[2]; k++) {
				double at[3];
				if (!((double)g.v[voxel++] > least))
					continue;
				affine_apply(at, g.affine, (const double[3]){ i, j, k });
				for (int a = 0; a < 3; a++) {
					f->from[a] = fmin(f->from[a], at[a]);
					f->to[a] = fmax(f->to[a], at[a]);
				}
			}
	return f->from[0] <= f->to[0];
}

static int make_frame(struct frame *f, const volume *v, const mosaic_options *o, err *e)
{
	double longest = 0, mm[3];
	volume g = *v;
	f->options = o;
	int code = grey_range(f, v, o, e);
	if (code)
		return code;
	if (!box(f, v, f->low + .05 * (f->high - f->low)))
		box(f, v, -INFINITY);
	affine_spacing(mm, g.affine);
	for (int a = 0; a < 3; a++)
		longest = fmax(longest, f->to[a] - f->from[a]);
	for (int a = 0; a < 3; a++) {
		double margin = .03 * longest + .5 * fmax(mm[0], fmax(mm[1], mm[2]));
		f->from[a] -= margin;
		f->to[a] += margin;
	}
	longest = 0;
	for (int a = 0; a < 3; a++)
		longest = fmax(longest, f->to[a] - f->from[a]);
	f->mm = longest / o->size;
	for (int a = 0; a < 3; a++)
		f->pixels[a] = (int)fmax(1, floor((f->to[a] - f->from[a]) / f->mm + .5));
	return 0;
}

/* ---- slices ---- */

struct plane {
	int across, up, through; /* world axes */
};

static struct plane plane_of(char letter)
{
	return letter == 'a' ? (struct plane){ 0, 1, 2 } : letter == 'c' ? (struct plane){ 0, 2, 1 } : (struct plane){ 1, 2, 0 };
}

/* Slice `share` (0..1) of the way through the frame: out->v [across, down, 1], allocated here. */
static int cut(volume *out, const volume *v, const struct frame *f, struct plane p, double share, err *e)
{
	double world[3][4] = { { 0 } }, to_voxel[3][4];
	volume g = *v;
	int n[3] = { f->pixels[p.across], f->pixels[p.up], 1 };
	world[p.across][0] = f->mm;
	world[p.across][3] = f->from[p.across] + .5 * f->mm;
	world[p.up][1] = -f->mm;
	world[p.up][3] = f->to[p.up] - .5 * f->mm;
	world[p.through][2] = f->mm;
	world[p.through][3] = f->from[p.through] + share * (f->to[p.through] - f->from[p.through]);
	if (!affine_inverse(to_voxel, g.affine))
		return err_set(e, ERR_DATA, "the affine cannot be inverted");
	affine_multiply(to_voxel, to_voxel, world);
	int code = volume_new(out, n, e);
	if (code)
		return code;
	code = grid_sample(out, to_voxel, v, GRID_FADE, e);
	if (code)
		volume_free(out);
	return code;
}

static unsigned char level(double v) { return (unsigned char)(255 * fmin(fmax(v, 0), 1) + .5); }

static colour grey(double v) { return (colour){ level(v), level(v), level(v) }; }

/* -1..1: cyan, blue, black, red, yellow. */
static colour signed_colour(double v)
{
	double a = fabs(v);
	return v > 0 ? (colour){ level(2 * a), level(2 * a - 1), 0 } : (colour){ 0, level(2 * a - 1), level(2 * a) };
}

/* Grey with red (little) to yellow (much) over it. */
static colour tinted(double v, double heat)
{
	colour c = grey(v);
	if (!(heat > .05))
		return c;
	return (colour){ level(.45 * v + .55), level(.45 * v + .55 * fmin(heat, 1)), level(.45 * v) };
}

/* Does the outline of what is at least `level` go through pixel (i,j) of slice v? */
static bool outline(const volume *v, int i, int j, double level)
{
	static const int beside[4][2] = { { -1, 0 }, { 1, 0 }, { 0, -1 }, { 0, 1 } };
	if ((double)v->v[i * v->n[1] + j] < level)
		return false;
	for (int k = 0; k < 4; k++) {
		int x = i + beside[k][0], y = j + beside[k][1];
		if (x >= 0 && x < v->n[0] && y >= 0 && y < v->n[1] && (double)v->v[x * v->n[1] + y] < level)
			return true;
	}
	return false;
}

/* A row of slices: of a volume or, with `less`, of what it differs from that by; with what is drawn over it. Both may be NULL. */
struct row {
	const volume *v, *less, *overlay;
	const char *caption;
	double hottest; /* the overlay's largest value */
};

/* The slice `share` of the way through the frame, with its upper left corner at x, y. */
static int cell(picture *to, int x, int y, const struct row *r, const struct frame *f, struct plane p, double share, err *e)
{
	volume a = { .v = NULL }, b = { .v = NULL };
	const mosaic_options *o = f->options;
	const volume *second = r->less ? r->less : r->overlay;
	int code = cut(&a, r->v, f, p, share, e);
	if (!code && second)
		code = cut(&b, second, f, p, share, e);
	for (int i = 0; i < a.n[0] && !code; i++)
		for (int j = 0; j < a.n[1]; j++) {
			double va = (double)a.v[i * a.n[1] + j], vb = second ? (double)b.v[i * a.n[1] + j] : 0, unit = f->high - f->low;
			colour c = r->less			       ? signed_colour((va - vb) / unit * o->contrast)
				   : !r->overlay		       ? grey((va - f->low) / unit)
				   : !o->contour		       ? tinted((va - f->low) / unit, vb / r->hottest)
				   : outline(&b, i, j, r->hottest / 2) ? (colour){ 255, 64, 32 }
								       : grey((va - f->low) / unit);
			paint_pixel(to, x + i, y + j, c);
		}
	volume_free(&a);
	volume_free(&b);
	return code;
}

/* ---- rows ---- */

static double hottest_of(const volume *overlay)
{
	double hottest = 0;
	for (size_t i = 0; overlay && i < volume_count(overlay->n); i++)
		hottest = fmax(hottest, (double)overlay->v[i]);
	return hottest > 0 ? hottest : 1;
}

static int paint_row(picture *to, int y, int height, const struct row *r, const struct frame *f, err *e)
{
	const mosaic_options *o = f->options;
	int x = GAP, code = 0;
	if (r->caption)
		paint_text(to, GAP, y + GAP, ZOOM, (colour){ 200, 200, 200 }, r->caption);
	for (const char *c = o->planes; *c; c++) {
		struct plane p = plane_of(*c);
		for (int s = 0; s < o->slices && !code; s++) {
			int top = y + CAPTION + (height - f->pixels[p.up]) / 2;
			code = cell(to, x, top, r, f, p, (s + 1.) / (o->slices + 1), e);
			x += f->pixels[p.across] + GAP;
		}
	}
	return code;
}

int mosaic(picture *out, const volume *const *scans, const char *const *captions, int count, const mosaic_options *o, err *e)
{
	struct frame f;
	char caption[96];
	int width = GAP, height = 0, y = 0, rows = count + (o->difference ? count - 1 : 0);
	int code = make_frame(&f, scans[0], o, e);
	if (code)
		return code;
	for (const char *c = o->planes; *c; c++) {
		struct plane p = plane_of(*c);
		width += o->slices * (f.pixels[p.across] + GAP);
		height = height > f.pixels[p.up] ? height : f.pixels[p.up];
	}
	if (width > MAX_SIDE || (long)rows * (height + CAPTION) + GAP > MAX_SIDE)
		return err_set(e, ERR_DATA, "a picture of %dx%ld pixels is too large", width, (long)rows * (height + CAPTION));
	code = picture_new(out, width, rows * (height + CAPTION) + GAP, e);
	for (int i = 0; i < count && !code; i++) {
		struct row r = { .v = scans[i], .overlay = i == 0 ? o->overlay : NULL, .caption = captions ? captions[i] : NULL };
		r.hottest = hottest_of(r.overlay);
		code = paint_row(out, y, height, &r, &f, e);
		y += height + CAPTION;
		if (code || i == 0 || !o->difference)
			continue;
		snprintf(caption, sizeof caption, "difference, full colour at +/-%.3g", (f.high - f.low) / o->contrast);
		r = (struct row){ .v = scans[i], .less = scans[0], .caption = caption };
		code = paint_row(out, y, height, &r, &f, e);
		y += height + CAPTION;
	}
	if (code)
		picture_free(out);
	return code;
}
