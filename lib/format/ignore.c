#include "format/ignore.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/text.h"

enum { LARGEST = 1 << 20, LONGEST = 4096 };

int ignore_read(ignore_rules *r, const char *path, err *e)
{
	struct stat st;
	*r = (ignore_rules){ 0 };
	if (lstat(path, &st) && errno == ENOENT)
		return 0;
	int code = text_read(&r->text, path, LARGEST, e);
	for (char *rest = r->text, *line; !code && (line = text_line(&rest));) {
		line = text_trim(line);
		if (!*line || *line == '#')
			continue;
		code = mem_grow(&r->lines, &r->cap, r->n + 1, sizeof *r->lines, path, e);
		if (!code)
			r->lines[r->n++] = line;
	}
	return code;
}

void ignore_free(ignore_rules *r)
{
	free(r->text);
	free(r->lines);
	*r = (ignore_rules){ 0 };
}

/* One part of a path against one of a pattern. */
static bool part_matches(const char *pattern, size_t n, const char *part, size_t m)
{
	char p[LONGEST], s[LONGEST];
	if (n >= LONGEST || m >= LONGEST)
		return false;
	snprintf(p, sizeof p, "%.*s", (int)n, pattern);
	snprintf(s, sizeof s, "%.*s", (int)m, part);
	return !fnmatch(p, s, 0);
}

/* A whole path against a whole pattern, part by part; ** stands for any number of folders, and behind for all that lies in one. */
static bool path_matches(const char *pattern, const char *path)
{
	size_t n = strcspn(pattern, "/"), m = strcspn(path, "/");
	if (!*pattern || !*path)
		return !*pattern && !*path;
	if (n == 2 && !memcmp(pattern, "**", 2)) {
		if (!pattern[2])
			return true;
		for (const char *p = path; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
			if (path_matches(pattern + 3, p))
				return true;
		return false;
	}
	if (!part_matches(pattern, n, path, m))
		return false;
	return path_matches(pattern + n + (pattern[n] == '/'), path + m + (path[m] == '/'));
}

static bool line_matches(const char *line, const char *path, bool folder)
{
	char pattern[LONGEST];
	size_t n = strlen(line);
	if (n >= sizeof pattern)
		return false;
	strcpy(pattern, line);
	if (n > 1 && pattern[n - 1] == '/') {
		pattern[n - 1] = 0;
		if (!folder)
			return false;
	}
	if (strchr(pattern, '/'))
		return path_matches(pattern + (*pattern == '/'), path);
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	return path_matches(pattern, name);
}

bool ignore_has(const ignore_rules *r, const char *file)
{
	char path[LONGEST];
	for (size_t n = strcspn(file, "/"); n < LONGEST; n += 1 + strcspn(file + n + 1, "/")) {
		bool ignored = false, folder = file[n] == '/';
		snprintf(path, sizeof path, "%.*s", (int)n, file);
		for (size_t i = 0; i < r->n; i++) {
			bool yes = r->lines[i][0] != '!';
			if (ignored != yes && line_matches(r->lines[i] + !yes, path, folder))
				ignored = yes;
		}
		if (ignored || !folder)
			return ignored;
	}
	return false;
}
