#include "realism/local.h"

#include <stdlib.h>

#include "base/mem.h"
#include "realism/choose.h"
#include "realism/frechet.h"

/* *out: of each scan, freed with free(). row: [places][FEATURES] for work. */
static int moments_of(moments **out, features *f, float *row, const scans *s, err *e)
{
	int code = mem_zero(out, s->count, sizeof **out, "features", e);
	for (size_t i = 0; !code && i < s->count; i++) {
		code = features_of(f, row, scans_at(s, i), e);
		if (!code)
			moments_add(&(*out)[i], row, features_places(f));
	}
	return code;
}

/* sum = those of n scans: order[0], order[step], .. */
static void join(moments *sum, const moments *m, const size_t *order, size_t step, size_t n)
{
	*sum = (moments){ 0 };
	for (size_t i = 0; i < n; i++)
		moments_join(sum, &m[order[i * step]]);
}

/* Adds to each the distance of a division; lot: three for work. */
static int divide(double *apart, double *halves, const moments *real, size_t reals, const moments *drawn, size_t drawns, size_t *order,
		  moments *lot, uint64_t seed, uint64_t number, err *e)
{
	double between = 0, first = 0, second = 0;
	size_t n = reals / 2 < drawns ? reals / 2 : drawns;
	choose_order(order, reals, philox_make(seed, philox_hash("real") + number));
	join(&lot[0], real, order, 2, n);
	join(&lot[1], real, order + 1, 2, n);
	choose_order(order, drawns, philox_make(seed, philox_hash("drawn") + number));
	join(&lot[2], drawn, order, 1, n);
	int code = frechet_distance(&between, &lot[0], &lot[1], e);
	if (!code)
		code = frechet_distance(&first, &lot[0], &lot[2], e);
	if (!code)
		code = frechet_distance(&second, &lot[1], &lot[2], e);
	*halves += between;
	*apart += (first + second) / 2;
	return code;
}

int local_compare(double *out, const scans *real, const scans *drawn, const inside *b, uint64_t seed, err *e)
{
	features *f = NULL;
	float *row = NULL;
	moments *of_real = NULL, *of_drawn = NULL, *lot = NULL;
	size_t *order = NULL, most = real->count > drawn->count ? real->count : drawn->count;
	double apart = 0, halves = 0;
	if (real->count < 4 || drawn->count < 2)
		return err_set(e, ERR_DATA, "%zu real scans and %zu drawn ones: four and two are needed", real->count, drawn->count);
	int code = features_open(&f, real->n, b->mask, e);
	if (!code)
		code = mem_zero(&row, features_places(f) * FEATURES, sizeof *row, "features", e);
	if (!code)
		code = moments_of(&of_real, f, row, real, e);
	if (!code)
		code = moments_of(&of_drawn, f, row, drawn, e);
	if (!code)
		code = mem_zero(&order, most, sizeof *order, "features", e);
	if (!code)
		code = mem_zero(&lot, 3, sizeof *lot, "features", e);
	for (uint64_t i = 0; !code && i < LOCAL_DIVISIONS; i++)
		code = divide(&apart, &halves, of_real, real->count, of_drawn, drawn->count, order, lot, seed, i, e);
	/* equal clouds are apart by rounding, which a root makes 1e-8 */
	if (!code && !(halves > 1e-6 * LOCAL_DIVISIONS * moments_variance(&lot[0])))
		code = err_set(e, ERR_DATA, "halves of the real scans do not differ");
	if (!code)
		*out = apart / halves;
	features_close(f);
	free(row);
	free(of_real);
	free(of_drawn);
	free(order);
	free(lot);
	return code;
}
