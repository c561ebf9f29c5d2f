/* poke IN OUT ID TENSOR ELEMENT VALUE: a stream in which one number of a float tensor is another, as no tool would write it: nan, inf. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/lat.h"

static int poke(lat_record *r, char **what, err *e)
{
	lat_tensor *t;
	const void *data;
	int code = strcmp(lat_id(r), what[0]) ? 0 : lat_need(r, what[1], &t, e);
	if (code || strcmp(lat_id(r), what[0]))
		return code;
	code = lat_data(t, &data, e);
	float v = strtof(what[3], NULL);
	long at = atol(what[2]);
	if (!code && (at < 0 || at >= t->elements))
		code = err_set(e, ERR_USAGE, "%s has no such element", what[1]);
	if (!code)
		code = dtype_from_float((char *)t->data + (size_t)at * dtype_size(t->dtype), t->dtype, &v, 1, e);
	free(t->frame); /* it is packed anew */
	t->frame = NULL;
	return code;
}

int main(int argc, char **argv)
{
	err e = { 0 };
	infile *in = NULL;
	outfile *out = NULL;
	lat_reader *rd = NULL;
	lat_writer *w = NULL;
	lat_record *r = NULL;
	if (argc != 7)
		return ERR_USAGE;
	int code = in_open(&in, argv[1], &e);
	if (!code)
		code = lat_reader_new(&rd, in, &e);
	if (!code)
		code = out_open(&out, argv[2], true, &e);
	if (!code)
		code = lat_writer_new(&w, out, &e);
	while (!code && !(code = lat_read(rd, &r, &e)) && r) {
		code = poke(r, argv + 3, &e);
		if (!code)
			code = lat_write(w, r, &e);
		lat_free(r);
		r = NULL;
	}
	if (!code)
		code = lat_finish(w, &e);
	if (!code)
		code = out_commit(out, &e);
	if (code)
		fprintf(stderr, "poke: %s\n", e.text);
	return code;
}
