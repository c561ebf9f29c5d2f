#include "base/share.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a controller's groups are. */
struct groups {
	const char *controller; /* "cpu", "memory" */
	bool second; /* of version 2 */
	char group[PATH_MAX]; /* ours, as proc/self/cgroup names it; "": none */
	char mount[PATH_MAX], top[PATH_MAX]; /* where they are mounted, and which group lies there */
};

static FILE *open_under(const char *root, const char *path)
{
	char full[2 * PATH_MAX];
	return (size_t)snprintf(full, sizeof full, "%s%s", root, path) < sizeof full ? fopen(full, "re") : NULL;
}

/* Is `word` one of those of a list with commas? */
static bool in_list(const char *list, const char *word)
{
	size_t n = strlen(word);
	for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (!strncmp(p, word, n) && (p[n] == ',' || !p[n]))
			return true;
	return false;
}

/* "4:memory:/a/b", "0::/a/b". A path may hold colons. */
static void find_group(struct groups *g, const char *root)
{
	char *line = NULL;
	size_t cap = 0;
	FILE *f = open_under(root, "/proc/self/cgroup");
	while (f && getline(&line, &cap, f) > 0) {
		char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!group)
			continue;
		*group++ = 0;
		controllers++;
		group[strcspn(group, "\n")] = 0;
		if (g->second ? !*controllers : in_list(controllers, g->controller))
			snprintf(g->group, sizeof g->group, "%s", group);
	}
	free(line);
	if (f)
		fclose(f);
}

/* Blanks in paths are written as \040. */
static void unescape(char *s)
{
	char *to = s;
	for (; *s; s++)
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + s[3] - '0');
			s += 3;
		} else {
			*to++ = *s;
		}
	*to = 0;
}

/* "32 23 0:28 /top /mount options [fields] - type source more": the last that fits counts, for it lies above the others. */
static void find_mount(struct groups *g, const char *root)
{
	char *line = NULL;
	size_t cap = 0;
	FILE *f = open_under(root, "/proc/self/mountinfo");
	while (f && getline(&line, &cap, f) > 0) {
		char top[PATH_MAX], mount[PATH_MAX], type[64], more[1024];
		char *behind = strstr(line, " - ");
		if (!behind || sscanf(line, "%*s %*s %*s %4095s %4095s", top, mount) != 2 ||
		    sscanf(behind, " - %63s %*s %1023s", type, more) != 2)
			continue;
		if (strcmp(type, g->second ? "cgroup2" : "cgroup") || (!g->second && !in_list(more, g->controller)))
			continue;
		unescape(top);
		unescape(mount);
		strcpy(g->top, top);
		strcpy(g->mount, mount);
	}
	free(line);
	if (f)
		fclose(f);
}

/* The numbers at the beginning of a group's file: how many there were of two. "max" is none. */
static int read_numbers(double v[2], const char *root, const char *folder, const char *file)
{
	char path[2 * PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", folder, file);
	FILE *f = open_under(root, path);
	int n = f ? fscanf(f, "%lf %lf", &v[0], &v[1]) : 0;
	if (f)
		fclose(f);
	return n;
}

/* What a group holds of files that it would give back. */
static double cached(const char *root, const char *folder, bool second)
{
	char path[2 * PATH_MAX], name[64];
	double v, found = 0;
	snprintf(path, sizeof path, "%s/memory.stat", folder);
	FILE *f = open_under(root, path);
	while (f && fscanf(f, "%63s %lf", name, &v) == 2)
		if (!strcmp(name, second ? "inactive_file" : "total_inactive_file"))
			found = v;
	if (f)
		fclose(f);
	return found;
}

static void bound_processors(share *s, const char *root, const char *folder, bool second)
{
	double quota[2], period[2];
	bool bound = second ? read_numbers(quota, root, folder, "cpu.max") == 2
			    : read_numbers(quota, root, folder, "cpu.cfs_quota_us") == 1 &&
				      read_numbers(period, root, folder, "cpu.cfs_period_us") == 1;
	double whole = second ? quota[1] : period[0];
	if (bound && quota[0] > 0 && whole > 0 && quota[0] / whole < s->processors)
		s->processors = quota[0] / whole < 1 ? 1 : (int)(quota[0] / whole);
}

static void bound_memory(share *s, const char *root, const char *folder, bool second)
{
	static const char *const limits[] = { "memory.limit_in_bytes", "memory.max", "memory.high" };
	double limit[2], used[2];
	for (int i = second; i < (second ? 3 : 1); i++) {
		if (read_numbers(limit, root, folder, limits[i]) != 1 ||
		    read_numbers(used, root, folder, second ? "memory.current" : "memory.usage_in_bytes") != 1)
			continue;
		/* no limit is a number beyond all memory in version 1 */
		double left = limit[0] - used[0] + cached(root, folder, second);
		left = left > limit[0] ? limit[0] : left;
		if (left < (s->memory ? (double)s->memory : 1e18))
			s->memory = left < 1 ? 1 : (uint64_t)left;
	}
}

/* The limits of our group and of those above it. */
static void bound(share *s, const char *root, const char *controller, bool second, void (*by)(share *, const char *, const char *, bool))
{
	struct groups g = { .controller = controller, .second = second };
	char folder[2 * PATH_MAX];
	find_group(&g, root);
	find_mount(&g, root);
	if (!*g.group || !*g.mount)
		return;
	/* what is mounted may be a group below the top, and ours may be named from a top that cannot be seen: then ours is what is mounted
	 */
	size_t above = strcmp(g.top, "/") ? strlen(g.top) : 0, own = strlen(g.mount);
	bool inside = !strncmp(g.group, g.top, above) && (g.group[above] == '/' || !g.group[above]) && strncmp(g.group, "/..", 3);
	snprintf(folder, sizeof folder, "%s%s", g.mount, inside ? g.group + above : "");
	for (;;) {
		by(s, root, folder, second);
		char *slash = strrchr(folder, '/');
		if (!slash || slash < folder + own)
			break;
		*slash = 0;
	}
}

static uint64_t available(const char *root)
{
	char *line = NULL;
	size_t cap = 0;
	unsigned long long kb = 0;
	FILE *f = open_under(root, "/proc/meminfo");
	while (f && getline(&line, &cap, f) > 0 && sscanf(line, "MemAvailable: %llu kB", &kb) != 1)
		;
	free(line);
	if (f)
		fclose(f);
	return kb * 1024;
}

share share_of(const char *root, int processors)
{
	share s = { processors < 1 ? 1 : processors, available(root) };
	for (int second = 0; second < 2; second++) {
		bound(&s, root, "cpu", second, bound_processors);
		bound(&s, root, "memory", second, bound_memory);
	}
	return s;
}

share share_own(void)
{
	/* as large as the kernel's own: a machine may have more processors than a cpu_set_t holds */
	for (int most = 1024; most <= 1 << 20; most *= 2) {
		cpu_set_t *set = CPU_ALLOC((size_t)most);
		size_t bytes = CPU_ALLOC_SIZE((size_t)most);
		int n = set && !sched_getaffinity(0, bytes, set) ? CPU_COUNT_S(bytes, set) : 0;
		if (set)
			CPU_FREE(set);
		if (n)
			return share_of("", n);
	}
	return share_of("", 1);
}
