#include "model/cost.h"

#include <math.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

/* Operations and bytes of one run. */
static int count(double *flop, double *bytes, nn *real, cost_run *run, void *of, err *e)
{
	nn *c = nn_new(NN_PLAN, nn_math(real), nn_threads(real));
	if (c)
		nn_reuse_weights(c, nn_reuses_weights(real));
	int code = c ? run(of, c, e) : err_set(e, ERR_OS, "no memory for the network");
	if (!code) {
		*flop = nn_flop(c);
		*bytes = (double)nn_peak(c);
	}
	nn_free(c);
	return code;
}

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

int model_plan(model_cost *out, const weights *w, nn *real, cost_run *run, cost_run *sample, void *of, err *e)
{
	double flop, bytes, small, unused, took = 0, now, most;
	/* the file is counted whole: what of it was read already, to be looked at or converted, must not be counted twice */
	st_rest(w->file);
	memory(&now, &most);
	int code = count(&flop, &bytes, real, run, of, e);
	if (!code)
		code = count(&small, &unused, real, sample, of, e);
	for (int i = 0; i < 2 && !code; i++) {
		double start = clock_seconds();
		code = sample(of, real, e);
		took = clock_seconds() - start;
	}
	if (!code)
		*out = (model_cost){ flop, fmax(most, now + (double)w->file->bytes + bytes), took / small * flop };
	return code;
}
