#include "nii/name.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

/* In capitals, too: so some systems call their files. */
static bool ends(const char *s, size_t n, const char *suffix)
{
	return n >= strlen(suffix) && !strncasecmp(s + n - strlen(suffix), suffix, strlen(suffix));
}

bool nii_name_is_gz(const char *path) { return ends(path, strlen(path), ".gz"); }

static size_t without_gz(const char *path) { return strlen(path) - (nii_name_is_gz(path) ? 3 : 0); }

bool nii_name_is_pair(const char *path)
{
	size_t n = without_gz(path);
	return ends(path, n, ".hdr") || ends(path, n, ".img");
}

int nii_name_of_pair(char **out, const char *path, const char *to, err *e)
{
	int code = mem_text(out, path, e);
	if (code || ends(path, without_gz(path), to))
		return code;
	char *at = *out + without_gz(path) - 3;
	for (int i = 0; i < 3; i++)
		at[i] = (char)(isupper((unsigned char)at[i]) ? toupper(to[i]) : to[i]);
	return 0;
}

int nii_id(char id[NII_ID], const char *path, err *e)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t n = without_gz(base);
	if (ends(base, n, ".nii") || ends(base, n, ".hdr") || ends(base, n, ".img"))
		n -= 4;
	size_t fine = strspn(base, ID_CHARACTERS);
	if (n == 0 || n >= NII_ID || fine < n || base[0] == '.')
		return err_set(e, ERR_USAGE, "%s: its name cannot be an id (" ID_RULE "); give one with --id", path);
	memcpy(id, base, n);
	id[n] = 0;
	return 0;
}
