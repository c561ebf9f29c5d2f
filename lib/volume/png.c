#include <png.h>
#include <setjmp.h>
#include <stdlib.h>

#include "base/file.h"
#include "volume/picture.h"

/* libpng calls these; an error goes back to the setjmp below. */
struct target {
	outfile *out;
	err *e;
	int code;
};

static void write_bytes(png_structp png, png_bytep p, png_size_t n)
{
	struct target *t = png_get_io_ptr(png);
	t->code = out_write(t->out, p, n, t->e);
	if (t->code)
		png_error(png, "");
}

static void flush_bytes(png_structp png) { (void)png; }

static void on_error(png_structp png, png_const_charp text)
{
	struct target *t = png_get_error_ptr(png);
	if (!t->code)
		t->code = err_set(t->e, ERR_IO, "%s: %s", out_name(t->out), text);
	longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
	(void)png;
	(void)text;
}

static int encode(struct target *t, const picture *p)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, t, on_error, on_warning);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	if (!info) {
		png_destroy_write_struct(&png, NULL);
		return err_set(t->e, ERR_OS, "no memory for a picture");
	}
	if (!setjmp(png_jmpbuf(png))) {
		png_set_write_fn(png, t, write_bytes, flush_bytes);
		png_set_IHDR(png, info, (png_uint_32)p->width, (png_uint_32)p->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
			     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
		png_write_info(png, info);
		for (int y = 0; y < p->height; y++)
			png_write_row(png, p->rgb + (size_t)y * (size_t)p->width * 3);
		png_write_end(png, info);
	}
	png_destroy_write_struct(&png, &info);
	return t->code;
}

int picture_write(const char *path, bool force, const picture *p, err *e)
{
	struct target t = { .e = e };
	int code = out_open(&t.out, path, force, e);
	if (code)
		return code;
	code = encode(&t, p);
	if (!code)
		return out_commit(t.out, e);
	out_abort(t.out);
	return code;
}
