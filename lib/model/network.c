#include "model/network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "model/find.h"

/* The file of the first kind that the model has. When it has none, the message names the first. */
static int find(char **path, const char *model, const char *const *kinds, err *e)
{
	err other;
	int code = model_find(path, model, kinds[0], e);
	for (int i = 1; code == ERR_NOINPUT && kinds[i]; i++)
		if (!model_find(path, model, kinds[i], &other))
			return 0;
	return code;
}

/* Everything that the configuration asks for is there, before anything runs. */
static int check(network *n, const network_options *o, err *e)
{
	param_table table = { 0 };
	int code = o->prepare ? o->prepare(&n->w.params, e) : 0;
	if (!code)
		code = o->table(&n->w, &table, e);
	if (!code)
		code = table_check(&table, &n->w.params, e);
	table_free(&table);
	return code;
}

int network_open(network *n, const network_options *o, err *e)
{
	char *path = NULL;
	const char *kind = o->kinds[1] ? NULL : o->kinds[0];
	*n = (network){ .use = o->use, .math = o->math, .threads = o->threads };
	int code = find(&path, o->model, o->kinds, e);
	if (!code)
		code = o->mapped ? weights_map(&n->w, path, kind, e) : weights_open(&n->w, path, kind, e);
	if (!code && (code = check(n, o, e)))
		err_prefix(e, "%s", path);
	free(path);
	return code;
}

void network_close(network *n)
{
	graph_free(n->g);
	weights_close(&n->w);
	n->g = NULL;
}

/* A graph of this description, bound and settled. The caller frees it, also when it fails. */
static int settled(graph **g, const network *n, network_description *describe, void *of, err *e)
{
	if (!(*g = graph_new(n->use, n->math, n->threads)))
		return err_set(e, ERR_OS, "no memory for the network");
	describe(of, *g);
	int code = graph_bind(*g, (params *const[]){ &((network *)n)->w.params }, 1, e);
	return code ? code : graph_settle(*g, e);
}

int network_describe(network *n, network_description *describe, void *of, err *e)
{
	graph_free(n->g);
	int code = settled(&n->g, n, describe, of, e);
	return code ? code : graph_open(n->g, e);
}

int network_run(network *n, err *e) { return weights_error(&n->w, graph_forward(n->g, e), e); }

void network_release(network *n)
{
	if (n->g)
		graph_release(n->g);
}

/* ---- plans ---- */

/* Bytes that the process holds now, and the most it ever has. */
static void memory(double *now, double *most)
{
	struct rusage usage;
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	getrusage(RUSAGE_SELF, &usage); /* ru_maxrss is in units of 1024 bytes */
	*most = 1024. * (double)usage.ru_maxrss;
	*now = f && fscanf(f, "%*d %ld", &pages) == 1 ? (double)pages * (double)sysconf(_SC_PAGESIZE) : *most;
	if (f)
		fclose(f);
}

/* Seconds for one operation of a run that is run now. */
static int pace(double *seconds, const network *n, network_description *part, void *of, err *e)
{
	graph *g = NULL;
	double took = 0;
	int code = settled(&g, n, part, of, e);
	if (!code)
		code = graph_open(g, e);
	if (!code)
		graph_clear(g);
	for (int i = 0; i < 2 && !code; i++) {
		const double start = clock_seconds();
		code = weights_error(&n->w, graph_forward(g, e), e);
		took = clock_seconds() - start;
	}
	*seconds = code ? 0 : took / graph_flop(g);
	graph_free(g);
	return code;
}

int network_report(report *out, const network *n, network_description *describe, void *of, err *e)
{
	graph *g = NULL;
	*out = (report){ 0 };
	int code = settled(&g, n, describe, of, e);
	if (!code)
		code = graph_report(g, out, e);
	graph_free(g);
	return code;
}

int network_plan(model_cost *out, const network *n, network_description *whole, network_description *part, void *of, err *e)
{
	double now, most, seconds = 0;
	graph *g = NULL;
	/* the file is counted whole: what of it was read already, to be looked at or converted, must not be counted twice */
	st_release(n->w.file);
	memory(&now, &most);
	int code = settled(&g, n, whole, of, e);
	if (!code)
		code = pace(&seconds, n, part, of, e);
	if (!code)
		*out = (model_cost){ graph_flop(g), fmax(most, now + (double)n->w.file->bytes + (double)graph_bytes(g)),
				     seconds * graph_flop(g) };
	graph_free(g);
	return code;
}
