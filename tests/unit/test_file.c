#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static char folder[] = "/tmp/test_file.XXXXXX";

static int enter(void **state)
{
	(void)state;
	return !mkdtemp(folder) || chdir(folder);
}

static int leave(void **state)
{
	(void)state;
	return chdir("/") || rmdir(folder);
}

/* How many entries the folder has: what is not visible before it is whole must not be there. */
static int entries(void)
{
	int n = 0;
	DIR *d = opendir(".");
	assert_non_null(d);
	for (struct dirent *f; (f = readdir(d));)
		n += strcmp(f->d_name, ".") && strcmp(f->d_name, "..");
	closedir(d);
	return n;
}

static void put(const char *path, bool force, const char *text)
{
	err e = { 0 };
	outfile *f = NULL;
	assert_int_equal(out_open(&f, path, force, &e), 0);
	assert_int_equal(out_write(f, text, strlen(text), &e), 0);
	assert_int_equal(out_commit(f, &e), 0);
}

static void assert_content(const char *path, const char *text)
{
	err e = { 0 };
	char *data = NULL;
	size_t n = 0;
	assert_int_equal(file_slurp(path, 1 << 20, &data, &n, &e), 0);
	assert_int_equal(n, strlen(text));
	assert_string_equal(data, text);
	free(data);
}

static void appears_whole_or_not_at_all(void **state)
{
	(void)state;
	err e = { 0 };
	outfile *f = NULL;
	assert_int_equal(out_open(&f, "a", false, &e), 0);
	assert_string_equal(out_name(f), "a");
	assert_int_equal(out_write(f, "hello", 5, &e), 0);
	assert_int_equal(out_flush(f, &e), 0);
	assert_int_equal(access("a", F_OK), -1);
	assert_int_equal(out_commit(f, &e), 0);
	assert_content("a", "hello");
	assert_int_equal(entries(), 1);
	unlink("a");

	assert_int_equal(out_open(&f, "a", false, &e), 0);
	assert_int_equal(out_write(f, "hello", 5, &e), 0);
	out_abort(f);
	assert_int_equal(entries(), 0);
}

static void existing_file_needs_force(void **state)
{
	(void)state;
	err e = { 0 };
	outfile *f = NULL;
	put("a", false, "one");
	assert_int_equal(out_open(&f, "a", false, &e), ERR_CREATE);
	assert_string_equal(e.text, "a: exists (use --force to overwrite it)");
	assert_content("a", "one");
	assert_int_equal(out_open(&f, "a", true, &e), 0);
	out_abort(f);
	assert_content("a", "one");
	put("a", true, "two");
	assert_content("a", "two");
	assert_int_equal(entries(), 1);
	unlink("a");
	assert_int_equal(symlink("nowhere", "a"), 0);
	assert_int_equal(out_open(&f, "a", false, &e), ERR_CREATE);
	unlink("a");
}

static void two_writers(void **state)
{
	(void)state;
	err e = { 0 };
	outfile *one = NULL, *other = NULL;
	assert_int_equal(out_open(&one, "a", false, &e), 0);
	assert_int_equal(out_open(&other, "a", false, &e), 0);
	assert_int_equal(out_write(one, "one", 3, &e), 0);
	assert_int_equal(out_write(other, "other", 5, &e), 0);
	assert_int_equal(out_commit(other, &e), 0);
	assert_int_equal(out_commit(one, &e), ERR_CREATE);
	assert_string_equal(e.text, "a: exists (use --force to overwrite it)");
	assert_content("a", "other");
	/* with --force the last one holds */
	assert_int_equal(out_open(&one, "a", true, &e), 0);
	put("a", true, "between");
	assert_int_equal(out_write(one, "last", 4, &e), 0);
	assert_int_equal(out_commit(one, &e), 0);
	assert_content("a", "last");
	assert_int_equal(entries(), 1);
	unlink("a");
}

static void names_that_cannot_be(void **state)
{
	(void)state;
	err e = { 0 };
	outfile *f = NULL;
	char name[258] = "";
	memset(name, 'n', 256);
	assert_int_equal(out_open(&f, name, false, &e), ERR_CREATE);
	assert_int_equal(out_check(name, true, &e), ERR_CREATE);
	assert_non_null(strstr(e.text, ": File name too long"));
	name[255] = 0; /* the longest that there is */
	assert_int_equal(out_check(name, false, &e), 0);
	assert_int_equal(entries(), 0);
	put(name, false, "x");
	assert_int_equal(out_check(name, false, &e), ERR_CREATE);
	assert_int_equal(out_check(name, true, &e), 0);
	assert_content(name, "x");
	assert_int_equal(entries(), 1);
	unlink(name);
	assert_int_equal(out_check("no/a", true, &e), ERR_CREATE);
	assert_int_equal(out_check("", true, &e), ERR_CREATE);
	assert_int_equal(out_check("-", false, &e), 0);
	assert_int_equal(out_check("/dev/null", false, &e), 0);
}

static void rights_follow_the_umask(void **state)
{
	(void)state;
	struct stat st;
	mode_t before = umask(027);
	put("a", false, "x");
	umask(before);
	assert_int_equal(stat("a", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	unlink("a");
}

static void outputs_that_cannot_be(void **state)
{
	(void)state;
	err e = { 0 };
	outfile *f = NULL;
	assert_int_equal(out_open(&f, "no/a", false, &e), ERR_CREATE);
	assert_int_equal(out_open(&f, ".", true, &e), ERR_CREATE);
	assert_int_equal(out_open(&f, "/dev/full", false, &e), 0);
	assert_int_equal(out_write(f, "x", 1, &e), 0);
	assert_int_equal(out_commit(f, &e), ERR_IO);
	assert_string_equal(e.text, "/dev/full: No space left on device");
	assert_int_equal(entries(), 0);
}

static void large_writes_keep_their_order(void **state)
{
	(void)state;
	enum { N = 300000 };
	err e = { 0 };
	outfile *f = NULL;
	char *all = malloc(N + 1);
	assert_non_null(all);
	for (int i = 0; i < N; i++)
		all[i] = (char)('a' + i * 7 % 26);
	all[N] = 0;
	assert_int_equal(out_open(&f, "a", false, &e), 0);
	for (size_t at = 0, n = 1; at < N; at += n, n = n * 3 % 100003) {
		if (n > N - at)
			n = N - at;
		assert_int_equal(out_write(f, all + at, n, &e), 0);
	}
	assert_int_equal(out_commit(f, &e), 0);
	assert_content("a", all);

	infile *in = NULL;
	char *back = malloc(N + 1);
	assert_non_null(back);
	assert_int_equal(in_open(&in, "a", &e), 0);
	assert_int_equal(in_size(in), N);
	size_t got = 0, at = 0;
	for (size_t n = 1; at < N; at += got, n = n * 5 % 99991) {
		assert_int_equal(in_read(in, back + at, n, &got, &e), 0);
		assert_int_equal(got, n < N - at ? n : N - at);
		assert_int_equal(in_offset(in), at + got);
	}
	assert_memory_equal(all, back, N);
	assert_int_equal(in_read(in, back, 10, &got, &e), 0);
	assert_int_equal(got, 0);
	in_close(in);
	free(all);
	free(back);
	unlink("a");
}

static void inputs_that_cannot_be(void **state)
{
	(void)state;
	err e = { 0 };
	infile *in = NULL;
	assert_int_equal(in_open(&in, "none", &e), ERR_NOINPUT);
	assert_string_equal(e.text, "none: No such file or directory");
	assert_int_equal(in_open(&in, ".", &e), ERR_NOINPUT);
	assert_string_equal(e.text, ".: is a directory");
	in_close(NULL);
	out_abort(NULL);
}

static void a_pipe_hands_over_what_it_has(void **state)
{
	(void)state;
	err e = { 0 };
	int ends[2], saved = dup(STDIN_FILENO);
	infile *in = NULL;
	char c[4];
	size_t got;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	assert_int_equal(in_open(&in, "-", &e), 0);
	assert_string_equal(in_name(in), "stdin");
	assert_int_equal(in_size(in), -1);
	/* the writer keeps its end open: reading four bytes must not wait for more */
	assert_int_equal(write(ends[1], "abcd", 4), 4);
	assert_int_equal(in_read(in, c, 4, &got, &e), 0);
	assert_int_equal(got, 4);
	assert_memory_equal(c, "abcd", 4);
	close(ends[1]);
	assert_int_equal(in_read(in, c, 4, &got, &e), 0);
	assert_int_equal(got, 0);
	in_close(in);
	dup2(saved, STDIN_FILENO);
	close(saved);
	close(ends[0]);
}

static void slurp_has_a_limit(void **state)
{
	(void)state;
	err e = { 0 };
	char *data = NULL;
	size_t n;
	put("a", false, "12345");
	assert_int_equal(file_slurp("a", 4, &data, &n, &e), ERR_DATA);
	assert_string_equal(e.text, "a: larger than 4 bytes");
	assert_int_equal(file_slurp("a", 5, &data, &n, &e), 0);
	assert_int_equal(n, 5);
	assert_int_equal(data[5], 0);
	free(data);
	unlink("a");
	assert_int_equal(file_slurp("/dev/zero", 1 << 20, &data, &n, &e), ERR_DATA);
}

/* However many bytes are asked for, memory is taken for those that there are. */
static void take_ends_with_the_input(void **state)
{
	(void)state;
	static const size_t asked[] = { 0, 1, 65536, 65537, 200000, 300000, (size_t)1 << 62 };
	char *text = malloc(300001);
	assert_non_null(text);
	for (int i = 0; i < 300000; i++)
		text[i] = (char)('a' + i % 23);
	text[300000] = 0;
	put("a", false, text);
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
		err e = { 0 };
		infile *f = NULL;
		void *p = NULL;
		size_t got = 7, want = asked[i] < 300000 ? asked[i] : 300000;
		assert_int_equal(in_open(&f, "a", &e), 0);
		assert_int_equal(in_take(f, &p, asked[i], &got, &e), 0);
		assert_int_equal(got, want);
		assert_memory_equal(p, text, want);
		assert_int_equal(in_offset(f), want);
		free(p);
		in_close(f);
	}
	free(text);
	unlink("a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appears_whole_or_not_at_all),
		cmocka_unit_test(existing_file_needs_force),
		cmocka_unit_test(two_writers),
		cmocka_unit_test(names_that_cannot_be),
		cmocka_unit_test(rights_follow_the_umask),
		cmocka_unit_test(outputs_that_cannot_be),
		cmocka_unit_test(large_writes_keep_their_order),
		cmocka_unit_test(inputs_that_cannot_be),
		cmocka_unit_test(a_pipe_hands_over_what_it_has),
		cmocka_unit_test(slurp_has_a_limit),
		cmocka_unit_test(take_ends_with_the_input),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
