#include "format/study.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "format/tsv.h"

enum { MOST_LIST = 1 << 28 }; /* bytes of a list of files */

/* ---- texts ---- */

static int print(char **out, err *e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int print(char **out, err *e, const char *fmt, ...)
{
	va_list list;
	va_start(list, fmt);
	int n = vasprintf(out, fmt, list);
	va_end(list);
	if (n >= 0)
		return 0;
	*out = NULL;
	return err_set(e, ERR_OS, "no memory for a study");
}

/* Takes over `text`. */
static int note(study *s, char *text, err *e)
{
	int code = mem_grow(&s->notes, &s->notes_cap, s->noted + 1, sizeof *s->notes, "notes", e);
	if (code)
		free(text);
	else
		s->notes[s->noted++] = text;
	return code;
}

static bool begins(const char *s, const char *start) { return !strncmp(s, start, strlen(start)); }
static bool ends(const char *s, const char *end) { return strlen(s) >= strlen(end) && !strcmp(s + strlen(s) - strlen(end), end); }
static const char *base_name(const char *path) { return strrchr(path, '/') ? strrchr(path, '/') + 1 : path; }

/* ---- what was asked for ---- */

static const char separators[] = " ,\t\n";

/* Is the entity ("sub-01") among the labels or entities of `list`? */
static bool asked(const char *list, const char *entity)
{
	if (!list || !list[strspn(list, separators)])
		return true;
	for (const char *p = list; *(p += strspn(p, separators)); p += strcspn(p, separators)) {
		size_t n = strcspn(p, separators);
		const char *label = bids_label(entity);
		if ((strlen(entity) == n && !memcmp(p, entity, n)) || (strlen(label) == n && !memcmp(p, label, n)))
			return true;
	}
	return false;
}

/* Everything that was asked for by name must be there: a slip of the pen must not pass for a finished study. */
static int all_there(const study *s, const char *list, bool sessions, const char *where, err *e)
{
	char one[LAT_MAX_ID + 1];
	for (const char *p = list ? list : ""; *(p += strspn(p, separators)); p += strcspn(p, separators)) {
		bool there = false;
		snprintf(one, sizeof one, "%.*s", (int)strcspn(p, separators), p);
		for (size_t i = 0; !there && i < s->n; i++)
			there = asked(one, sessions ? s->scans[i].who.session : s->scans[i].who.participant);
		if (!there)
			return err_set(e, ERR_DATA, "%s: no T1w scan of %s %s", where, sessions ? "session" : "subject", one);
	}
	return 0;
}

/* ---- files ---- */

/* A file that git-annex manages is a link to its content, or, unlocked, holds the content's name until that is fetched. */
static bool is_annex_pointer(const char *path, const struct stat *st)
{
	char start[16] = "";
	FILE *f = st->st_size < 32768 ? fopen(path, "rb") : NULL;
	if (!f)
		return false;
	size_t n = fread(start, 1, sizeof start - 1, f);
	fclose(f);
	return n == sizeof start - 1 && !memcmp(start, "/annex/objects/", n);
}

/* Why the file cannot be read, as it looks from outside; NULL: it can. */
static int find_fault(char **reason, const char *path, err *e)
{
	struct stat st;
	char target[512] = "";
	ssize_t n = readlink(path, target, sizeof target - 1);
	*reason = NULL;
	if (stat(path, &st)) {
		if (n > 0 && errno == ENOENT)
			return strstr(target, ".git/annex/") ? mem_text(reason, "its content is not here (datalad get fetches it)", e)
							     : print(reason, e, "a link to %s, which is not there", target);
		return mem_text(reason, strerror(errno), e);
	}
	if (!S_ISREG(st.st_mode))
		return mem_text(reason, "no file", e);
	if (access(path, R_OK))
		return mem_text(reason, strerror(errno), e);
	return is_annex_pointer(path, &st) ? mem_text(reason, "its content is not here (datalad get fetches it)", e) : 0;
}

/* ---- the list ---- */

static void scan_free(study_scan *t)
{
	free(t->id);
	free(t->path);
	free(t->reason);
}

void study_free(study *s)
{
	for (size_t i = 0; i < s->n; i++)
		scan_free(&s->scans[i]);
	for (size_t i = 0; i < s->noted; i++)
		free(s->notes[i]);
	free(s->scans);
	free(s->notes);
	*s = (study){ 0 };
}

/* The id of a file: "a/sub-01_T1w.nii.gz" -> "sub-01_T1w". */
static int id_of(char **id, const char *path, err *e)
{
	const char *name = base_name(path);
	size_t n = strlen(name);
	n -= ends(name, ".gz") ? 3 : 0;
	if (n > 4 && (!memcmp(name + n - 4, ".nii", 4) || !memcmp(name + n - 4, ".hdr", 4) || !memcmp(name + n - 4, ".img", 4)))
		n -= 4;
	int code = print(id, e, "%.*s", (int)n, name);
	if (!code && !lat_id_ok(*id))
		return err_set(e, ERR_DATA, "%s: its name cannot be an id (letters, digits, '.', '_', '-', at most %d)", path, LAT_MAX_ID);
	return code;
}

/* Adds a file. `path` is taken over. A name that cannot be an id: ERR_DATA, and nothing is added. */
static int add(study *s, char *path, err *e)
{
	study_scan t = { .path = path, .months = NAN };
	int code = id_of(&t.id, path, e);
	if (!code && strpbrk(path, "\t\n\r"))
		code = err_set(e, ERR_DATA, "%s: a path with a tab or a line's end", path);
	if (!code)
		code = find_fault(&t.reason, path, e);
	if (!code) {
		t.who = bids_parse(t.id);
		bids_months(&t.months, t.id);
		code = mem_grow(&s->scans, &s->cap, s->n + 1, sizeof *s->scans, "scans", e);
	}
	if (code)
		scan_free(&t);
	else
		s->scans[s->n++] = t;
	return code;
}

/* ---- a folder ---- */

static int is_plain(const struct dirent *d) { return d->d_name[0] != '.'; }
static int is_subject(const struct dirent *d) { return begins(d->d_name, "sub-") && !strchr(d->d_name, '.'); }
static int is_session(const struct dirent *d) { return begins(d->d_name, "ses-"); }

static void names_free(struct dirent **names, int n)
{
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

/* The order of names: numbers by value, so that run-2 comes before run-10, but .nii.gz before .nii of the same name. */
static int by_name(const struct dirent **a, const struct dirent **b) { return strverscmp((*a)->d_name, (*b)->d_name); }

static int list_folder(struct dirent ***names, int *n, const char *folder, int (*which)(const struct dirent *), err *e)
{
	*names = NULL;
	*n = scandir(folder, names, which, by_name);
	if (*n >= 0)
		return 0;
	*n = 0;
	return err_set(e, errno == ENOMEM ? ERR_OS : ERR_NOINPUT, "%s: %s", folder, strerror(errno));
}

static bool is_t1w(const char *name) { return ends(name, "_T1w.nii.gz") || ends(name, "_T1w.nii"); }

/* Of several scans of one session, those behind `first`, the first that can be read stays. */
static int keep_one(study *s, size_t first, err *e)
{
	size_t best = first;
	int code = 0;
	for (size_t i = first; i < s->n; i++) /* the same scan twice: the compressed one, which BIDS recommends */
		for (size_t k = first; k < s->n; k++)
			if (i != k && !strcmp(s->scans[i].id, s->scans[k].id) && ends(s->scans[i].path, ".gz") && i > k) {
				study_scan t = s->scans[i];
				s->scans[i] = s->scans[k];
				s->scans[k] = t;
			}
	while (best < s->n && s->scans[best].reason)
		best++;
	best = best == s->n ? first : best;
	for (size_t i = first; i < s->n; i++) {
		char *text;
		if (i == best || code)
			continue;
		code = print(&text, e, "%s: left out%s%s: %s is taken for this session", s->scans[i].path, s->scans[i].reason ? ", " : "",
			     s->scans[i].reason ? s->scans[i].reason : "", base_name(s->scans[best].path));
		code = code ? code : note(s, text, e);
	}
	study_scan kept = s->scans[best];
	for (size_t i = first; i < s->n; i++)
		if (i != best)
			scan_free(&s->scans[i]);
	s->scans[first] = kept;
	s->n = first + 1;
	return code;
}

/* The scans in `folder`/anat, whose names must begin with `entities` ("sub-01_ses-2"). */
static int find_anat(study *s, const char *folder, const char *entities, err *e)
{
	struct dirent **names = NULL;
	char *anat = NULL, *path = NULL;
	int n = 0, code = print(&anat, e, "%s/anat", folder);
	size_t first = s->n;
	err why = { 0 };
	if (!code && access(anat, F_OK)) {
		free(anat);
		return 0;
	}
	code = code ? code : list_folder(&names, &n, anat, is_plain, &why);
	if (code == ERR_NOINPUT && (code = print(&path, e, "%s", why.text)) == 0)
		code = note(s, path, e); /* this subject's trouble alone */
	for (int i = 0; !code && i < n; i++) {
		const char *name = names[i]->d_name;
		size_t k = strlen(entities);
		if (!is_t1w(name))
			continue;
		code = print(&path, e, "%s/%s", anat, name);
		if (!code && (!begins(name, entities) || name[k] != '_' || (!strstr(entities, "_ses-") && begins(name + k, "_ses-")))) {
			char *text;
			code = print(&text, e, "%s: left out: its name does not say %s, as its folder does", path, entities);
			free(path);
			code = code ? code : note(s, text, e);
		} else if (!code && (code = add(s, path, &why)) == ERR_DATA) {
			code = print(&path, e, "%s", why.text);
			code = code ? code : note(s, path, e);
		}
	}
	if (!code && s->n > first + 1)
		code = keep_one(s, first, e);
	names_free(names, n);
	free(anat);
	return code;
}

static int find_sessions(study *s, const char *folder, const char *participant, const study_choice *choice, err *e)
{
	struct dirent **names = NULL;
	int n = 0, code = list_folder(&names, &n, folder, is_session, e);
	if (!code && (!choice->sessions || !*choice->sessions))
		code = find_anat(s, folder, participant, e);
	for (int i = 0; !code && i < n; i++) {
		char *path = NULL, *entities = NULL;
		if (!asked(choice->sessions, names[i]->d_name))
			continue;
		code = print(&path, e, "%s/%s", folder, names[i]->d_name);
		code = code ? code : print(&entities, e, "%s_%s", participant, names[i]->d_name);
		code = code ? code : find_anat(s, path, entities, e);
		free(path);
		free(entities);
	}
	names_free(names, n);
	return code;
}

/* ---- when ---- */

/* A day as a number, from "2019-03-02" or "2019-03-02T10:00:00"; false for anything else. */
static bool day_of(double *day, const char *text)
{
	struct tm t = { 0 };
	const char *rest = strptime(text, "%Y-%m-%d", &t);
	if (!rest || (*rest && *rest != 'T' && *rest != ' '))
		return false;
	*day = (double)timegm(&t) / 86400;
	return true;
}

/* What the table says of each session: "months" as they are, else days since the earliest acq_time. */
static void months_of_rows(double *months, const tsv *t, int column, bool days)
{
	double first = NAN;
	for (size_t i = 0; i < t->rows; i++) {
		const char *cell = tsv_cell(t, i, column);
		char *end;
		months[i] = NAN;
		if (days && !day_of(&months[i], cell))
			months[i] = NAN;
		if (!days && !tsv_missing(cell)) {
			months[i] = strtod(cell, &end);
			if (*end || !isfinite(months[i]))
				months[i] = NAN;
		}
		if (days && (isnan(first) || months[i] < first))
			first = months[i];
	}
	for (size_t i = 0; days && i < t->rows; i++)
		months[i] = (months[i] - first) / 30.4375;
}

/* Months of a participant's scans, those from `first` on, out of sub-X_sessions.tsv. A table that cannot be read is said. */
static int find_months(study *s, size_t first, const char *folder, const char *participant, err *e)
{
	tsv t = { 0 };
	char *path = NULL;
	double *months = NULL;
	err why = { 0 };
	bool wanted = false;
	for (size_t i = first; i < s->n; i++)
		wanted |= isnan(s->scans[i].months) && *s->scans[i].who.session;
	int code = wanted ? print(&path, e, "%s/%s_sessions.tsv", folder, participant) : 0;
	if (code || !wanted || access(path, F_OK)) {
		free(path);
		return code;
	}
	if (tsv_read(&t, path, &why)) {
		char *text;
		code = print(&text, e, "%s", why.text);
		code = code ? code : note(s, text, e);
	}
	int session = tsv_column(&t, "session_id"), column = tsv_column(&t, "months");
	bool days = column < 0;
	column = days ? tsv_column(&t, "acq_time") : column;
	if (!code && session >= 0 && column >= 0)
		code = mem_zero(&months, t.rows, sizeof *months, path, e);
	if (months)
		months_of_rows(months, &t, column, days);
	for (size_t i = first; months && i < s->n; i++)
		for (size_t k = 0; k < t.rows; k++)
			if (isnan(s->scans[i].months) && *s->scans[i].who.session &&
			    !strcmp(bids_label(tsv_cell(&t, k, session)), bids_label(s->scans[i].who.session)))
				s->scans[i].months = months[k];
	free(months);
	free(path);
	tsv_free(&t);
	return code;
}

/* ---- */

static int find_subject(study *s, const char *folder, const char *participant, const study_choice *choice, err *e)
{
	char *path = NULL;
	size_t first = s->n;
	struct stat st;
	int code = print(&path, e, "%s/%s", folder, participant);
	if (!code && stat(path, &st)) {
		char *text;
		code = print(&text, e, "%s: left out: %s", path, strerror(errno));
		code = code ? code : note(s, text, e);
	} else if (!code && S_ISDIR(st.st_mode)) {
		size_t noted = s->noted;
		char *text;
		code = find_sessions(s, path, participant, choice, e);
		if (!code && s->n == first && s->noted == noted && (!choice->sessions || !*choice->sessions)) {
			code = print(&text, e, "%s: left out: no T1w scan", path);
			code = code ? code : note(s, text, e);
		}
		code = code ? code : find_months(s, first, path, participant, e);
	}
	free(path);
	return code;
}

static int nothing_found(const study *s, const char *folder, int subjects, err *e)
{
	if (!subjects)
		return err_set(e, ERR_DATA, "%s: no folders sub-*, so this is no BIDS dataset", folder);
	if (!s->n)
		return err_set(e, ERR_DATA, "%s: no sub-*/[ses-*/]anat/*_T1w.nii[.gz] in it (of %d subjects)%s%s", folder, subjects,
			       s->noted ? "; " : "", s->noted ? s->notes[s->noted - 1] : "");
	return 0;
}

int study_find(study *s, const char *folder, const study_choice *choice, err *e)
{
	struct dirent **names = NULL;
	char *text = NULL;
	int n = 0;
	*s = (study){ 0 };
	int code = list_folder(&names, &n, folder, is_subject, e);
	code = code ? code : print(&text, e, "%s/dataset_description.json", folder);
	if (!code && n && access(text, F_OK)) {
		free(text);
		code = print(&text, e, "%s: has no dataset_description.json; taken for a BIDS dataset all the same", folder);
		code = code ? code : note(s, text, e);
		text = NULL;
	}
	free(text);
	for (int i = 0; !code && i < n; i++)
		if (asked(choice->subjects, names[i]->d_name))
			code = find_subject(s, folder, names[i]->d_name, choice, e);
	names_free(names, n);
	if (!code)
		code = all_there(s, choice->subjects, false, folder, e);
	if (!code)
		code = all_there(s, choice->sessions, true, folder, e);
	return code ? code : nothing_found(s, folder, n, e);
}

int study_list(study *s, const char *list, const study_choice *choice, err *e)
{
	char *text = NULL, *rest, *line;
	size_t n;
	*s = (study){ 0 };
	int code = file_slurp(list, MOST_LIST, &text, &n, e);
	rest = text;
	while (!code && (line = strsep(&rest, "\n"))) {
		char *path = NULL;
		line[strcspn(line, "\r")] = 0;
		if (!*line || *line == '#')
			continue;
		code = mem_text(&path, line, e);
		code = code ? code : add(s, path, e);
		for (size_t i = 0; !code && i + 1 < s->n; i++)
			if (!strcmp(s->scans[i].id, s->scans[s->n - 1].id))
				code = err_set(e, ERR_DATA, "%s: %s and %s would both be %s", list, s->scans[i].path, line, s->scans[i].id);
		study_scan *last = s->n ? &s->scans[s->n - 1] : NULL;
		if (!code && (!asked(choice->subjects, last->who.participant) || !asked(choice->sessions, last->who.session)))
			scan_free(&s->scans[--s->n]);
	}
	free(text);
	if (!code)
		code = all_there(s, choice->subjects, false, list, e);
	if (!code)
		code = all_there(s, choice->sessions, true, list, e);
	if (!code && !s->n)
		code = err_set(e, ERR_DATA, "%s: names no scan", list);
	return code;
}
