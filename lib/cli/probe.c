#include "cli/probe.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "model/find.h"

void cli_probe(probe *p, char **path, const char *named)
{
	err e = { 0 };
	if (!access(named, F_OK) || strchr(named, '/') || !*named)
		cli_check(mem_text(path, named, &e), &e);
	else if (model_find(path, cli_common.model, named, &e))
		cli_die(e.code, "%s: no such file, and no such probe in the model: %s", named, e.text);
	cli_check(probe_read(p, *path, &e), &e);
}
