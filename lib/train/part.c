#include "train/part.h"

#include "train/ema.h"

int part_fresh(train_part *p, param_table *table, uint64_t seed, err *e)
{
	const int code = table_fresh(table, seed, &p->weights, e);
	table_free(table);
	return code;
}

int part_begin(train_part *p, err *e)
{
	const int code = p->averaged ? ema_init(&p->ema, &p->weights, e) : 0;
	return code ? code : optimiser_init(&p->optimiser, p->optimiser.rule, p->optimiser.vectors, &p->weights, e);
}

int part_average_anew(train_part *p, err *e)
{
	params_free(&p->ema);
	return ema_init(&p->ema, &p->weights, e);
}

double part_bytes(const train_part *p)
{
	double numbers = 0;
	for (size_t i = 0; i < p->weights.n; i++) {
		const param *w = &p->weights.p[i];
		numbers += (double)w->count * ((p->averaged ? 2 : 1) + (w->g ? 1 + optimiser_moments(p->optimiser.rule, w) : 0));
	}
	return numbers * sizeof(float);
}

void part_free(train_part *p)
{
	params_free(&p->weights);
	params_free(&p->ema);
	optimiser_free(&p->optimiser);
}
