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

/* The scans of a side, each by the moments of its features. */
typedef struct cloud {
	moments *scan;
	size_t n;
} cloud;

/* Distances, summed over the divisions; order and lot: work space. */
typedef struct comparison {
	cloud real, drawn;
	double apart, halves; /* of the drawn scans from halves of the real ones, of these halves from each other */
	size_t *order;
	moments lot[3];
} comparison;

/* Adds the distances of one division of the real scans into halves. */
static int divide(comparison *c, uint64_t seed, uint64_t number, err *e)
{
	moments *lot = c->lot;
	double between = 0, first = 0, second = 0;
	size_t n = c->real.n / 2 < c->drawn.n ? c->real.n / 2 : c->drawn.n;
	choose_order(c->order, c->real.n, philox_make(seed, philox_hash("real") + number));
	join(&lot[0], c->real.scan, c->order, 2, n);
	join(&lot[1], c->real.scan, c->order + 1, 2, n);
	choose_order(c->order, c->drawn.n, philox_make(seed, philox_hash("drawn") + number));
	join(&lot[2], c->drawn.scan, c->order, 1, n);
	int code = frechet_distance(&between, &lot[0], &lot[1], e);
	if (!code)
		code = frechet_distance(&first, &lot[0], &lot[2], e);
	if (!code)
		code = frechet_distance(&second, &lot[1], &lot[2], e);
	c->halves += between;
	c->apart += (first + second) / 2;
	return code;
}

int local_compare(double *out, const scans *real, const scans *drawn, const inside *b, uint64_t seed, err *e)
{
	features *f = NULL;
	float *row = NULL;
	comparison c = { .real.n = real->count, .drawn.n = drawn->count };
	if (real->count < 4 || drawn->count < 2)
		return err_set(e, ERR_DATA, "%zu real scans and %zu drawn ones: four and two are needed", real->count, drawn->count);
	int code = features_open(&f, real->n, b->mask, e);
	if (!code)
		code = mem_zero(&row, features_places(f) * FEATURES, sizeof *row, "features", e);
	if (!code)
		code = moments_of(&c.real.scan, f, row, real, e);
	if (!code)
		code = moments_of(&c.drawn.scan, f, row, drawn, e);
	if (!code)
		code = mem_zero(&c.order, real->count > drawn->count ? real->count : drawn->count, sizeof *c.order, "features", e);
	for (uint64_t i = 0; !code && i < LOCAL_DIVISIONS; i++)
		code = divide(&c, seed, i, e);
	/* equal clouds are apart by rounding, which a root makes 1e-8 */
	if (!code && !(c.halves > 1e-6 * LOCAL_DIVISIONS * moments_variance(&c.lot[0])))
		code = err_set(e, ERR_DATA, "halves of the real scans do not differ");
	if (!code)
		*out = c.apart / c.halves;
	features_close(f);
	free(row);
	free(c.real.scan);
	free(c.drawn.scan);
	free(c.order);
	return code;
}
