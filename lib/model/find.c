#include "model/find.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_folder(const char *path)
{
	struct stat st;
	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* Sets *out to a printed text; ERR_OS when memory is short. */
static int print(char **out, err *e, const char *fmt, const char *a, const char *b, const char *c)
{
	if (asprintf(out, fmt, a, b, c) >= 0)
		return 0;
	*out = NULL;
	return err_set(e, ERR_OS, "no memory for a path");
}

static int in_folder(char **path, const char *folder, const char *kind, err *e)
{
	int code = print(path, e, "%s/%s%s", folder, kind, ".safetensors");
	if (!code && access(*path, F_OK)) {
		free(*path);
		*path = NULL;
		code = err_set(e, ERR_NOINPUT, "%s: has no %s.safetensors", folder, kind);
	}
	return code;
}

/* Folder ROOT/NAME if it exists, else *found stays NULL. */
static int try_root(char **found, const char *root, const char *name, err *e)
{
	int code = print(found, e, "%s/%s%s", root, name, "");
	if (!code && !is_folder(*found)) {
		free(*found);
		*found = NULL;
	}
	return code;
}

/* The folder the running program lies in. */
static bool own_folder(char buf[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", buf, PATH_MAX - 1);
	if (n <= 0)
		return false;
	buf[n] = 0;
	char *slash = strrchr(buf, '/');
	if (!slash)
		return false;
	*slash = 0;
	return true;
}

static int by_name(char **path, const char *name, const char *kind, err *e)
{
	static const char *const beside[] = { "/../models", "/../share/latpipe/models" };
	char *folder = NULL, program[PATH_MAX], root[PATH_MAX + 32];
	const char *list = getenv("LATPIPE_MODELS");
	int code = 0;
	for (const char *at = list; at && *at && !folder && !code;) {
		size_t n = strcspn(at, ":");
		if (n && n < sizeof root) {
			memcpy(root, at, n);
			root[n] = 0;
			code = try_root(&folder, root, name, e);
		}
		at += n + (at[n] == ':');
	}
	bool known = own_folder(program);
	for (size_t i = 0; known && i < 2 && !folder && !code; i++) {
		snprintf(root, sizeof root, "%s%s", program, beside[i]);
		code = try_root(&folder, root, name, e);
	}
	if (!code && !folder)
		code = err_set(e, ERR_NOINPUT, "%s: no model of this name (looked in %s%s%s/../models and %s/../share/latpipe/models)",
			       name, list ? list : "", list ? ", " : "", known ? program : "", known ? program : "");
	if (!code)
		code = in_folder(path, folder, kind, e);
	free(folder);
	return code;
}

int model_find(char **path, const char *what, const char *kind, err *e)
{
	*path = NULL;
	if (!what)
		return by_name(path, MODEL_DEFAULT, kind, e);
	if (is_folder(what))
		return in_folder(path, what, kind, e);
	if (!access(what, F_OK))
		return print(path, e, "%s%s%s", what, "", "");
	if (strchr(what, '/') || !*what)
		return err_set(e, ERR_NOINPUT, "%s: no such file or folder", what);
	return by_name(path, what, kind, e);
}

int model_find_mean(char **path, const char *what, err *e)
{
	char *weights;
	*path = NULL;
	int code = model_find(&weights, what, "autoencoder", e);
	if (code)
		return code;
	char *slash = strrchr(weights, '/');
	if (slash)
		*slash = 0;
	code = print(path, e, "%s/%s%s", slash ? weights : ".", "mean.nii.gz", "");
	free(weights);
	if (!code && access(*path, F_OK)) {
		free(*path);
		*path = NULL;
	}
	return code;
}
