#include "model/encoder.h"

#include <string.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/find.h"
#include "model/semantic.h"

/* Everything the configuration asks for is there, before anything runs. */
static int check_params(weights *w, err *e)
{
	param_table table = { 0 };
	int code = semantic_names(&w->params, e);
	if (!code)
		code = semantic_table(&w->config.semantic, &table, e);
	if (!code)
		code = table_check(&table, &w->params, e);
	table_free(&table);
	return code;
}

int encoder_open(encoder *k, const char *model, enum nn_math math, int threads, err *e)
{
	char *path = NULL;
	*k = (encoder){ .c = nn_new(NN_INFER, math, threads) };
	if (!k->c)
		return err_set(e, ERR_OS, "no memory for the network");
	int code = model_find(&path, model, "semantic", e);
	if (!code)
		code = weights_open(&k->w, path, "semantic", e);
	if (!code && (code = check_params(&k->w, e)))
		err_prefix(e, "%s", path);
	free(path);
	if (code)
		return code;
	k->y = k->w.config.semantic.embedding;
	return encoder_shape(k, k->w.config.volume, e);
}

int encoder_shape(encoder *k, const int n[3], err *e)
{
	const sem_config *s = &k->w.config.semantic;
	int slices, size[2], least = 2 << s->levels; /* the first convolution divides by 4, the others by 2 */
	semantic_slices(s, n, &slices, size);
	if (slices > s->slices)
		return err_set(e, ERR_CONFIG, "a grid of %dx%dx%d has %d slices, the encoder takes %d", n[0], n[1], n[2], slices,
			       s->slices);
	if (slices < 1 || size[0] < least || size[1] < least)
		return err_set(e, ERR_CONFIG, "a grid of %dx%dx%d has slices of %dx%d, the encoder needs %dx%d", n[0], n[1], n[2], size[0],
			       size[1], least, least);
	if (s->coarse[0] && !semantic_box(s, n))
		return err_set(e, ERR_CONFIG, "a grid of %dx%dx%d is no multiple of semantic.coarse, %dx%dx%d", n[0], n[1], n[2],
			       s->coarse[0], s->coarse[1], s->coarse[2]);
	for (int i = 0; i < 3; i++)
		k->n[i] = n[i];
	return 0;
}

void encoder_close(encoder *k)
{
	nn_free(k->c);
	weights_close(&k->w);
	k->c = NULL;
}

/* One pass in context c; y and x may be NULL while planning. */
static int run(const encoder *k, nn *c, const int n[3], float *y, const float *x, err *e)
{
	semantic_call call = { .x = nn_from_field(c, (shape){ 1, n[0], n[1], n[2], 1 }, x), .part = memcmp(n, k->n, sizeof k->n) != 0 };
	tensor *code = semantic_encode(c, &k->w.config.semantic, &k->w.params, &call);
	nn_drop(c, call.x);
	int failed = weights_error(&k->w, c, e);
	if (!failed)
		nn_to_field(c, code, y);
	nn_drop(c, code);
	return failed;
}

int encoder_code(encoder *k, float *y, const float *x, err *e) { return run(k, k->c, k->n, y, x, e); }

static int run_whole(void *of, nn *c, err *e)
{
	const encoder *k = of;
	return run(k, c, k->n, NULL, NULL, e);
}

/* An eighth of the slices, whole ones: maps keep their shapes. */
static int run_part(void *of, nn *c, err *e)
{
	const encoder *k = of;
	const enum { X, Y, Z } along[] = { [PLANE_AXIAL] = Z, [PLANE_CORONAL] = Y, [PLANE_SAGITTAL] = X };
	int n[3] = { k->n[0], k->n[1], k->n[2] }, *slices = &n[along[k->w.config.semantic.plane]];
	*slices = (*slices + 7) / 8;
	float *x = NULL;
	int code = mem_zero(&x, (size_t)n[0] * (size_t)n[1] * (size_t)n[2] + (size_t)k->y, sizeof *x, "plan", e);
	if (!code)
		code = run(k, c, n, x, x + k->y, e);
	free(x);
	return code;
}

int encoder_plan(model_cost *out, encoder *k, err *e) { return model_plan(out, &k->w, k->c, run_whole, run_part, k, e); }
