#include "format/study.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/text.h"
#include "format/ignore.h"
#include "format/visits.h"

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
/* How long a file's name is without .gz, and without .nii, .hdr or .img; these in any case. */
static size_t stem(const char *name)
{
	size_t n = strlen(name);
	n -= n > 3 && !strcasecmp(name + n - 3, ".gz") ? 3 : 0;
	bool image = n > 4 && (!strncasecmp(name + n - 4, ".nii", 4) || !strncasecmp(name + n - 4, ".hdr", 4) ||
			       !strncasecmp(name + n - 4, ".img", 4));
	return image ? n - 4 : n;
}
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
	return print(id, e, "%.*s", (int)stem(name), name);
}

/* Why no record and no line of a table can be made of the scan, whatever is in it; NULL: they can. */
static const char *unusable(const char *id, const char *path)
{
	if (!lat_id_ok(id))
		return "its name cannot be an id (" ID_RULE ")";
	return strpbrk(path, "\t\n\r") ? "a path with a tab or a line's end" : NULL;
}

/* Makes words for a table of those that are none: an id of an unusable name, a path on one line. */
static void make_printable(char *id, char *path)
{
	if (strlen(id) > ID_LONGEST)
		id[ID_LONGEST] = 0;
	for (char *c = id; *(c += strspn(c, ID_CHARACTERS));)
		*c = '_';
	if (*id == '.')
		*id = '_';
	for (char *c = path; (c = strpbrk(c, "\t\n\r")) != NULL;)
		*c = '?';
}

/* Adds a file. `path` is taken over. One that is unusable: where `keep`, a scan that cannot be read, for this reason; else ERR_DATA, and
 * nothing is added. */
static int add(study *s, char *path, bool keep, err *e)
{
	study_scan t = { .path = path, .months = NAN };
	int code = id_of(&t.id, path, e);
	const char *fault = code ? NULL : unusable(t.id, path);
	if (fault && !keep) {
		code = err_set(e, ERR_DATA, "%s: %s", path, fault);
	} else if (fault) {
		make_printable(t.id, path);
		code = mem_text(&t.reason, fault, e);
	} else if (!code) {
		code = find_fault(&t.reason, path, e);
	}
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

static bool is_t1w(const char *name)
{
	size_t n = stem(name);
	return n > 4 && !strncmp(name + n - 4, "_T1w", 4) && !strncasecmp(name + n, ".nii", 4);
}

/* The walk through a dataset. */
struct walk {
	study *s;
	const study_choice *choice;
	const char *root;
	ignore_rules rules;
	size_t ignored; /* scans that .bidsignore names */
};

/* Adds a note, "object: reason". */
static int say(study *s, err *e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int say(study *s, err *e, const char *fmt, ...)
{
	char *text = NULL;
	va_list list;
	va_start(list, fmt);
	int n = vasprintf(&text, fmt, list);
	va_end(list);
	return n < 0 ? err_set(e, ERR_OS, "no memory for a study") : note(s, text, e);
}

/* ---- which of several ---- */

struct candidate {
	study_scan scan;
	which_rank rank;
};

/* Below 0: a is the better one. What can be read comes first; of the same scan twice the compressed one, which BIDS recommends. */
static int compare(const struct candidate *a, const struct candidate *b, const char **why)
{
	enum which_reason reason;
	if (!a->scan.reason != !b->scan.reason) {
		*why = a->scan.reason ? a->scan.reason : b->scan.reason;
		return a->scan.reason ? 1 : -1;
	}
	int order = which_compare(&a->rank, &b->rank, &reason);
	if (order) {
		*why = which_reason_text(reason);
		return order;
	}
	order = strverscmp(a->scan.id, b->scan.id);
	*why = order ? "a later name" : "the same scan, not compressed";
	return order ? order : strcmp(b->scan.path, a->scan.path);
}

static int by_rank(const void *a, const void *b)
{
	const char *why;
	return compare(a, b, &why);
}

/* A scan that is taken for want of a better one. */
static int doubt(study *s, const struct candidate *c, err *e)
{
	for (int i = WHICH_CONTRAST; i <= WHICH_PART; i++)
		if (c->rank.of[i])
			return say(s, e, "%s: taken, although %s: there is no other of this session", c->scan.path,
				   which_reason_text((enum which_reason)i));
	return 0;
}

/* Of several scans of one session, those behind `first`, one stays. */
static int keep_one(struct walk *w, size_t first, err *e)
{
	study *s = w->s;
	struct candidate *all = NULL;
	size_t n = s->n - first;
	int code = mem_zero(&all, n, sizeof *all, "scans", e);
	if (code)
		return code;
	for (size_t i = 0; i < n; i++) {
		which_extent extent = { 0 };
		all[i].scan = s->scans[first + i];
		if (!all[i].scan.reason && w->choice->measure && n > 1)
			w->choice->measure(&extent, all[i].scan.path);
		all[i].rank = which_rank_of(all[i].scan.id, &extent);
	}
	qsort(all, n, sizeof *all, by_rank);
	for (size_t i = 1; i < n; i++) {
		const char *why;
		compare(&all[0], &all[i], &why);
		code = code ? code
			    : say(s, e, "%s: left out, %s: %s is taken for this session", all[i].scan.path, why,
				  base_name(all[0].scan.path));
		scan_free(&all[i].scan);
	}
	code = code ? code : doubt(s, &all[0], e);
	s->scans[first] = all[0].scan;
	s->n = first + 1;
	free(all);
	return code;
}

/* Does the name have the entities of its folders, sub- in front? */
static bool belongs(const char *name, const char *participant, const char *session)
{
	bids_id who = bids_parse(name);
	return begins(name, "sub-") && !strcmp(who.participant, participant) && !strcmp(who.session, session);
}

/* A file that is named like a scan: one more candidate, or why it is none. */
static int add_candidate(struct walk *w, const char *path, const char *participant, const char *session, err *e)
{
	const char *name = base_name(path), *unfit = which_unfit(name);
	char entities[NAME_MAX + 1], label[LAT_MAX_ID + 1], *own = NULL;
	err why = { 0 };
	if (ignore_has(&w->rules, path + strlen(w->root) + 1)) {
		w->ignored++;
		return 0;
	}
	snprintf(entities, sizeof entities, "%.*s", (int)(strrchr(name, '_') - name), name);
	if (!belongs(entities, participant, session))
		return say(w->s, e, "%s: left out: its name does not say %s%s%s, as its folder does", path, participant,
			   *session ? "_" : "", session);
	if (!which_asked(w->choice->which, entities))
		return 0;
	if (unfit && !(w->choice->which && bids_entity(label, entities, "part") && strstr(w->choice->which, "part-")))
		return say(w->s, e, "%s: left out: %s", path, unfit);
	int code = mem_text(&own, path, e);
	code = code ? code : add(w->s, own, false, &why);
	return code == ERR_DATA ? say(w->s, e, "%s", why.text) : code ? err_set(e, code, "%s", why.text) : 0;
}

/* The scans in `folder`/anat, whose names must have its participant and session ("": none). */
static int find_anat(struct walk *w, const char *folder, const char *participant, const char *session, err *e)
{
	struct dirent **names = NULL;
	char *anat = NULL, *path = NULL;
	int n = 0, code = print(&anat, e, "%s/anat", folder);
	size_t first = w->s->n, noted = w->s->noted, ignored = w->ignored;
	bool any = false;
	err why = { 0 };
	if (!code && access(anat, F_OK)) {
		free(anat);
		return 0;
	}
	code = code ? code : list_folder(&names, &n, anat, is_plain, &why);
	if (code == ERR_NOINPUT)
		code = say(w->s, e, "%s", why.text); /* this subject's trouble alone */
	for (int i = 0; !code && i < n; i++) {
		if (!is_t1w(names[i]->d_name))
			continue;
		any = true;
		code = print(&path, e, "%s/%s", anat, names[i]->d_name);
		code = code ? code : add_candidate(w, path, participant, session, e);
		free(path);
		path = NULL;
	}
	if (!code && w->s->n > first)
		code = keep_one(w, first, e);
	else if (!code && any && w->s->noted == noted && w->ignored == ignored)
		code = say(w->s, e, "%s: left out: no T1w scan with %s", anat, w->choice->which);
	names_free(names, n);
	free(anat);
	return code;
}

static int find_sessions(struct walk *w, const char *folder, const char *participant, err *e)
{
	struct dirent **names = NULL;
	int n = 0, code = list_folder(&names, &n, folder, is_session, e);
	if (!code && (!w->choice->sessions || !*w->choice->sessions))
		code = find_anat(w, folder, participant, "", e);
	for (int i = 0; !code && i < n; i++) {
		char *path = NULL;
		if (!asked(w->choice->sessions, names[i]->d_name))
			continue;
		code = print(&path, e, "%s/%s", folder, names[i]->d_name);
		code = code ? code : find_anat(w, path, participant, names[i]->d_name, e);
		free(path);
	}
	names_free(names, n);
	return code;
}

/* ---- when ---- */

/* Months of a participant's scans, those from `first` on, out of sub-X_sessions.tsv. A table that cannot be read is said. */
static int find_months(study *s, size_t first, const char *folder, const char *participant, err *e)
{
	visits v = { 0 };
	char *path = NULL;
	err why = { 0 };
	struct stat st;
	bool wanted = false;
	for (size_t i = first; i < s->n; i++)
		wanted |= isnan(s->scans[i].months) && *s->scans[i].who.session;
	int code = wanted ? print(&path, e, "%s/%s_sessions.tsv", folder, participant) : 0;
	if (code || !wanted || (lstat(path, &st) && errno == ENOENT)) {
		free(path);
		return code;
	}
	if (visits_read(&v, path, &why))
		code = say(s, e, "%s", why.text);
	for (size_t i = 0; !code && i < v.noted; i++)
		code = say(s, e, "%s", v.notes[i]);
	for (size_t i = first; i < s->n; i++)
		if (isnan(s->scans[i].months) && *s->scans[i].who.session)
			s->scans[i].months = visits_months(&v, s->scans[i].who.session);
	visits_free(&v);
	free(path);
	return code;
}

/* ---- */

static int find_subject(struct walk *w, const char *participant, err *e)
{
	study *s = w->s;
	char *path = NULL;
	size_t first = s->n, noted = s->noted, ignored = w->ignored;
	struct stat st;
	int code = print(&path, e, "%s/%s", w->root, participant);
	if (!code && stat(path, &st)) {
		code = say(s, e, "%s: left out: %s", path, strerror(errno));
	} else if (!code && S_ISDIR(st.st_mode)) {
		code = find_sessions(w, path, participant, e);
		if (!code && s->n == first && s->noted == noted && w->ignored == ignored && (!w->choice->sessions || !*w->choice->sessions))
			code = say(s, e, "%s: left out: no T1w scan", path);
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

/* What is asked for must be entities. */
static int check_choice(const study_choice *choice, err *e)
{
	int n;
	const char *word = which_bad_word(choice->which, &n);
	return word ? err_set(e, ERR_USAGE, "%.*s: no entity with a label, such as acq-mprage or run-1", n, word) : 0;
}

static int read_rules(struct walk *w, err *e)
{
	char *path = NULL;
	int code = print(&path, e, "%s/.bidsignore", w->root);
	code = code ? code : ignore_read(&w->rules, path, e);
	free(path);
	return code;
}

int study_find(study *s, const char *folder, const study_choice *choice, err *e)
{
	struct walk w = { .s = s, .choice = choice, .root = folder };
	struct dirent **names = NULL;
	char *text = NULL;
	int n = 0;
	*s = (study){ 0 };
	int code = check_choice(choice, e);
	code = code ? code : list_folder(&names, &n, folder, is_subject, e);
	code = code ? code : print(&text, e, "%s/dataset_description.json", folder);
	if (!code && n && access(text, F_OK))
		code = say(s, e, "%s: has no dataset_description.json; taken for a BIDS dataset all the same", folder);
	free(text);
	code = code ? code : read_rules(&w, e);
	for (int i = 0; !code && i < n; i++)
		if (asked(choice->subjects, names[i]->d_name))
			code = find_subject(&w, names[i]->d_name, e);
	if (!code && w.ignored)
		code = say(s, e, "%s/.bidsignore: %zu T1w scans are left out as it says", folder, w.ignored);
	names_free(names, n);
	ignore_free(&w.rules);
	if (!code)
		code = all_there(s, choice->subjects, false, folder, e);
	if (!code)
		code = all_there(s, choice->sessions, true, folder, e);
	return code ? code : nothing_found(s, folder, n, e);
}

/* One path of a list. */
static int add_line(study *s, const char *list, const char *line, const study_choice *choice, err *e)
{
	char *path = NULL;
	size_t before = s->n;
	int code = mem_text(&path, line, e);
	code = code ? code : add(s, path, true, e);
	if (code)
		return code;
	study_scan *last = &s->scans[before];
	for (size_t i = 0; i < before; i++)
		if (!strcmp(s->scans[i].id, last->id))
			return err_set(e, ERR_DATA, "%s: %s and %s would both be %s", list, s->scans[i].path, line, last->id);
	if (!asked(choice->subjects, last->who.participant) || !asked(choice->sessions, last->who.session) ||
	    !which_asked(choice->which, last->id))
		scan_free(&s->scans[--s->n]);
	return 0;
}

int study_list(study *s, const char *list, const study_choice *choice, err *e)
{
	char *text = NULL;
	*s = (study){ 0 };
	int code = check_choice(choice, e);
	code = code ? code : text_read(&text, list, MOST_LIST, e);
	for (char *rest = text, *line; !code && (line = text_line(&rest));)
		if (line[strspn(line, " \t")] && *line != '#')
			code = add_line(s, list, line, choice, e);
	free(text);
	if (!code)
		code = all_there(s, choice->subjects, false, list, e);
	if (!code)
		code = all_there(s, choice->sessions, true, list, e);
	if (!code && !s->n)
		code = err_set(e, ERR_DATA, "%s: names no scan%s%s", list, s->noted ? "; " : "", s->noted ? s->notes[s->noted - 1] : "");
	return code;
}
