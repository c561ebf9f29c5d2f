/* page PROSE EXITS DATE < INTERFACE: a tool's man page in mdoc. INTERFACE is what the tool prints with --interface. PROSE holds the
 * sections written by hand: those before ".Sh EXAMPLES" come before the options, the rest after the exit statuses. EXITS is a table of
 * status, tools that use it (patterns) and meaning. */
#include <ctype.h>
#include <fnmatch.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"

enum { LARGEST = 1 << 20 };

static const char *string(const json_t *object, const char *key) { return json_string_value(json_object_get(object, key)); }

/* Text as mdoc shows it; `sentence`: with a capital and a full stop. */
static void prose(const char *s, bool sentence)
{
	const char *start = s;
	for (; *s; s++) {
		if (*s == '\\')
			fputs("\\e", stdout);
		else if (s == start && (*s == '.' || *s == '\''))
			printf("\\&%c", *s);
		else if (*s == '-' && (s == start || s[-1] == ' ' || s[-1] == '-'))
			fputs("\\-", stdout);
		else
			putchar(sentence && s == start ? toupper((unsigned char)*s) : *s);
	}
	if (sentence && s > start && s[-1] != '.')
		putchar('.');
	putchar('\n');
}

/* Words of a synopsis: "[REF IMG...]" is optional, "FILE..." may be repeated. */
static void operands(const char *words)
{
	char *copy = strdup(words), *rest = copy;
	if (!copy)
		exit(ERR_OS);
	for (char *w; (w = strsep(&rest, " "));) {
		size_t n = strlen(w);
		bool opens = *w == '[', closes = n && w[n - 1] == ']', repeated;
		if (closes)
			w[--n] = 0;
		repeated = n > 3 && !strcmp(w + n - 3, "...");
		if (repeated)
			w[n - 3] = 0;
		if (*w)
			printf("%s.Ar %s%s\n%s", opens ? ".Oo\n" : "", w + opens, repeated ? " ..." : "", closes ? ".Oc\n" : "");
	}
	free(copy);
}

static void synopsis(const char *name, const json_t *options, const char *inputs)
{
	size_t i;
	json_t *o;
	printf(".Sh SYNOPSIS\n.Nm %s\n.Op Fl ", name);
	json_array_foreach(options, i, o)
		if (string(o, "short") && !string(o, "arg"))
			fputs(string(o, "short"), stdout);
	putchar('\n');
	json_array_foreach(options, i, o)
	{
		const char *arg = string(o, "arg"), *letter = string(o, "short");
		if (arg && letter)
			printf(".Op Fl %s Ar %s\n", letter, arg);
		else if (arg)
			printf(".Op Fl -%s Ar %s\n", string(o, "long"), arg);
		else if (!letter && strcmp(string(o, "long"), "version") && strcmp(string(o, "long"), "interface"))
			printf(".Op Fl -%s\n", string(o, "long"));
	}
	operands(inputs);
}

static void option(const json_t *o)
{
	const char *arg = string(o, "arg"), *letter = string(o, "short"), *range = string(o, "range");
	json_t *initial = json_object_get(o, "default");
	fputs(".It ", stdout);
	if (letter)
		printf("Fl %s , ", letter);
	printf("Fl -%s%s%s\n", string(o, "long"), arg ? " Ar " : "", arg ? arg : "");
	prose(string(o, "help"), true);
	if (range)
		printf(".Ar %s\nis %s.\n", arg, range);
	if (json_is_string(initial) && strcmp(json_string_value(initial), "-"))
		printf("The default is\n.Cm %s .\n", json_string_value(initial));
	else if (json_is_integer(initial))
		printf("The default is %lld.\n", (long long)json_integer_value(initial));
	else if (json_is_real(initial))
		printf("The default is %.15g.\n", json_real_value(initial));
}

static void environment(const json_t *options)
{
	size_t i;
	json_t *o;
	puts(".Sh ENVIRONMENT\n.Bl -tag -width Ds\n.It Ev OMP_NUM_THREADS\nThe number of threads when\n.Fl j\nis not given.");
	json_array_foreach(options, i, o)
		if (!strcmp(string(o, "long"), "model"))
			puts(".It Ev LATPIPE_MODELS\nFolders, separated by colons, in which a model's name is looked up first.");
	puts(".El");
}

static bool concerns(char *patterns, const char *name)
{
	for (char *p; (p = strsep(&patterns, " "));)
		if (!fnmatch(p, name, 0))
			return true;
	return false;
}

static void exits(char *table, const char *name)
{
	puts(".Sh EXIT STATUS\n.Bl -tag -width Ds -compact");
	for (char *line; (line = strsep(&table, "\n"));) {
		char *status = strsep(&line, "\t"), *patterns = strsep(&line, "\t");
		if (!line || !concerns(patterns, name))
			continue;
		printf(".It %s\n", status);
		prose(line, true);
	}
	puts(".El");
}

static char *slurp(const char *path)
{
	char *text;
	size_t n;
	err e = { 0 };
	if (!file_slurp(path, LARGEST, &text, &n, &e))
		return text;
	fprintf(stderr, "page: %s\n", e.text);
	exit(e.code);
}

int main(int argc, char **argv)
{
	json_error_t where;
	json_t *tool = json_loadf(stdin, 0, &where), *o;
	size_t i;
	if (argc != 4 || !tool) {
		fprintf(stderr, "page: %s\n", argc != 4 ? "usage: page PROSE EXITS DATE < INTERFACE" : where.text);
		return argc != 4 ? ERR_USAGE : ERR_DATA;
	}
	char *text = slurp(argv[1]), *table = slurp(argv[2]);
	char *after = strstr(text, ".Sh EXAMPLES"), *seealso = strstr(text, ".Sh SEE ALSO");
	const char *name = string(tool, "name");
	json_t *options = json_object_get(tool, "options");
	if (!after || !seealso) {
		fprintf(stderr, "page: %s: has no %s\n", argv[1], after ? "SEE ALSO" : "EXAMPLES");
		return ERR_DATA;
	}
	printf(".\\\" Made from %s --interface and %s by make man: change those.\n", name, argv[1]);
	printf(".Dd %s\n.Dt %s 1\n.Os latpipe %s\n.Sh NAME\n.Nm %s\n.Nd ", argv[3], name, string(tool, "version"), name);
	prose(string(tool, "summary"), false);
	synopsis(name, options, string(tool, "inputs"));
	fwrite(text, 1, (size_t)(after - text), stdout);
	puts("The options are:\n.Bl -tag -width Ds");
	json_array_foreach(options, i, o)
		option(o);
	puts(".El");
	environment(options);
	exits(table, name);
	fputs(after, stdout);
	puts(".Sh AUTHORS\n.An The latpipe authors");
	free(text);
	free(table);
	json_decref(tool);
	return fflush(stdout) || ferror(stdout) ? ERR_IO : 0;
}
