#include "cli/stream.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"

struct stream_out {
	outfile *file;
	lat_writer *writer;
};

stream_out *stream_open(void)
{
	err e = { 0 };
	stream_out *s = NULL;
	if (mem_zero(&s, 1, sizeof *s, "output", &e))
		cli_fail(&e);
	s->file = cli_output();
	if (lat_writer_new(&s->writer, s->file, &e))
		cli_fail(&e);
	return s;
}

static int put(stream_out *s, lat_record *r, err *e)
{
	int code = lat_add_history(r, cli_history(), e);
	return code ? code : lat_write(s->writer, r, e);
}

void stream_put(stream_out *s, lat_record *r)
{
	err e = { 0 };
	if (put(s, r, &e)) {
		out_abort(s->file);
		cli_fail(&e);
	}
}

void stream_close(stream_out *s)
{
	err e = { 0 };
	int code = lat_finish(s->writer, &e);
	lat_writer_free(s->writer);
	if (code)
		out_abort(s->file);
	else
		code = out_commit(s->file, &e);
	if (code)
		cli_fail(&e);
	free(s);
}

void stream_input(const char *path, infile **in, lat_reader **rd)
{
	err e = { 0 };
	if (stream_try_input(path, in, rd, &e))
		cli_fail(&e);
}

int stream_try_input(const char *path, infile **in, lat_reader **rd, err *e)
{
	if (!strcmp(path, "-") && isatty(STDIN_FILENO))
		return err_set(e, ERR_USAGE, "stdin: a stream is not read from a terminal (name a file, or use a pipe)");
	int code = in_open(in, path, e);
	if (code)
		return code;
	code = lat_reader_new(rd, *in, e);
	if (code)
		in_close(*in);
	return code;
}

/* The tool's function and the writing of what it made. */
static int one(lat_record *r, stream_map *map, void *with, stream_out *s, err *e)
{
	bool keep = true;
	int code = map(r, with, &keep, e);
	if (code)
		return err_prefix(e, "%s", lat_id(r));
	return s && keep ? put(s, r, e) : 0;
}

/* All records of one input. Returns 0, or ERR_DATA when --keep-going skipped something; *e is set when the tool must end. */
static int all(const char *path, stream_map *map, void *with, stream_out *s, err *e)
{
	infile *in = NULL;
	lat_reader *rd = NULL;
	lat_record *r = NULL;
	int status = 0, code = stream_try_input(path, &in, &rd, e);
	bool opened = !code;
	for (bool more = true; more;) {
		if (!code)
			code = lat_read(rd, &r, e);
		more = !code && r;
		if (more)
			code = one(r, map, with, s, e);
		lat_free(r);
		r = NULL;
		if (!code)
			continue;
		if (!cli_may_skip(code))
			break;
		cli_warn("%s (skipped%s)", e->text, more || !opened ? "" : ", and all behind it");
		status = ERR_DATA;
		code = 0;
		e->code = 0;
	}
	if (opened) {
		lat_reader_free(rd);
		in_close(in);
	}
	return status;
}

static int run(char **inputs, int n, stream_map *map, stream_end *end, void *with, stream_out *s)
{
	static char *only_stdin[] = { "-" };
	err e = { 0 };
	int status = 0;
	if (n == 0) {
		inputs = only_stdin;
		n = 1;
	}
	for (int i = 0; i < n && !e.code; i++)
		if (all(inputs[i], map, with, s, &e))
			status = ERR_DATA;
	if (!e.code && end && end(with, &e) && cli_may_skip(e.code)) {
		cli_warn("%s", e.text);
		status = ERR_DATA;
		e.code = 0;
	}
	if (e.code) {
		if (s)
			out_abort(s->file);
		cli_fail(&e);
	}
	return status;
}

int stream_filter(char **inputs, int n, stream_map *map, stream_end *end, void *with)
{
	stream_out *s = stream_open();
	int status = run(inputs, n, map, end, with, s);
	stream_close(s);
	return status;
}

int stream_each(char **inputs, int n, stream_map *look, stream_end *end, void *with) { return run(inputs, n, look, end, with, NULL); }

struct stream_ids {
	json_t *seen;
};

stream_ids *stream_ids_new(void)
{
	err e = { 0 };
	stream_ids *s = NULL;
	if (mem_zero(&s, 1, sizeof *s, "ids", &e) || !(s->seen = json_object()))
		cli_die(ERR_OS, "ids: no memory");
	return s;
}

int stream_ids_add(stream_ids *s, const char *id, err *e)
{
	if (json_object_get(s->seen, id))
		return err_set(e, ERR_DATA, "a second record of this id");
	return json_object_set_new(s->seen, id, json_true()) ? err_set(e, ERR_OS, "ids: no memory") : 0;
}

bool stream_ids_has(const stream_ids *s, const char *id) { return json_object_get(s->seen, id) != NULL; }

void stream_ids_free(stream_ids *s)
{
	json_decref(s->seen);
	free(s);
}
