#include "model/eight_bits.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LARGEST = 127, SHORT_ROW = 16, NAME = 512 };

bool eight_bits_fits(int rank, const int64_t *n)
{
	int64_t each = 1;
	for (int i = 1; i < rank; i++)
		each *= n[i];
	return (rank == 2 || rank == 3 || rank == 5) && n[0] > 1 && each >= SHORT_ROW;
}

void eight_bits_store(int8_t *q, float *scale, const float *v, size_t rows, size_t each)
{
	for (size_t r = 0; r < rows; r++) {
		const float *row = v + r * each;
		float largest = 0;
		for (size_t i = 0; i < each; i++)
			largest = fmaxf(largest, fabsf(row[i]));
		/* So small that a unit of it is no number any more: zeros. */
		scale[r] = largest / LARGEST >= 0x1p-126f ? largest / LARGEST : 1;
		for (size_t i = 0; i < each; i++)
			q[r * each + i] = (int8_t)lrintf(row[i] / scale[r]);
	}
}

int eight_bits_find(const st_tensor **scale, const st_file *f, const st_tensor *t, err *e)
{
	char name[NAME];
	*scale = NULL;
	if (t->dtype != DTYPE_I8 || snprintf(name, sizeof name, "%s" EIGHT_BITS_SCALE, t->name) >= NAME)
		return 0;
	const st_tensor *found = st_find(f, name);
	if (found && (found->dtype != DTYPE_F32 || found->rank != 1 || t->rank < 1 || found->n[0] != t->n[0]))
		return err_set(e, ERR_CONFIG, "%s: %s: is no list of F32, one for each row of %s", f->path, name, t->name);
	*scale = found;
	return 0;
}

void eight_bits_apply(float *v, const st_tensor *t, const st_tensor *scale)
{
	const size_t rows = scale->count, each = rows ? t->count / rows : 0;
	for (size_t r = 0; r < rows; r++) {
		float unit;
		memcpy(&unit, (const char *)scale->data + r * sizeof unit, sizeof unit); /* it may lie at any byte */
		for (size_t i = 0; i < each; i++)
			v[r * each + i] *= unit;
	}
}

bool eight_bits_is_scale(const st_file *f, const st_tensor *t)
{
	char name[NAME];
	const size_t all = strlen(t->name), end = strlen(EIGHT_BITS_SCALE);
	if (all <= end || all - end >= NAME || strcmp(t->name + all - end, EIGHT_BITS_SCALE) != 0)
		return false;
	memcpy(name, t->name, all - end);
	name[all - end] = 0;
	const st_tensor *of = st_find(f, name);
	return of && of->dtype == DTYPE_I8;
}
