#include "model/encoder.h"

#include "model/semantic.h"

static int table(const weights *w, param_table *t, err *e) { return semantic_table(&w->config.semantic, t, e); }

int encoder_open(encoder *k, const char *model, enum nn_math math, int threads, err *e)
{
	static const char *const kinds[] = { "semantic", NULL };
	*k = (encoder){ 0 };
	int code = network_open(&k->net,
				&(network_options){ .model = model,
						    .kinds = kinds,
						    .prepare = semantic_names,
						    .table = table,
						    .use = GRAPH_ONCE,
						    .math = math,
						    .threads = threads },
				e);
	if (code)
		return code;
	k->y = k->net.w.config.semantic.embedding;
	return encoder_shape(k, k->net.w.config.volume, e);
}

int encoder_shape(encoder *k, const int n[3], err *e)
{
	const sem_config *s = &k->net.w.config.semantic;
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
	k->in = k->out = NULL;
	return 0;
}

void encoder_close(encoder *k) { network_close(&k->net); }

static void describe(void *of, graph *g)
{
	encoder *k = of;
	k->in = graph_input(g, (shape){ 1, k->n[0], k->n[1], k->n[2], 1 });
	k->out = graph_keep(semantic_encode(g, &k->net.w.config.semantic, k->in, false, false));
}

int encoder_code(encoder *k, float *y, const float *x, err *e)
{
	int code = k->in ? 0 : network_describe(&k->net, describe, k, e);
	if (code)
		return code;
	graph_write(k->net.g, k->in, x);
	code = network_run(&k->net, e);
	if (!code)
		graph_read(k->net.g, k->out, y);
	return code;
}

/* An eighth of the slices, whole ones: maps keep their shapes. */
static void describe_part(void *of, graph *g)
{
	const encoder *k = of;
	const enum { X, Y, Z } along[] = { [PLANE_AXIAL] = Z, [PLANE_CORONAL] = Y, [PLANE_SAGITTAL] = X };
	int n[3] = { k->n[0], k->n[1], k->n[2] }, *slices = &n[along[k->net.w.config.semantic.plane]];
	*slices = (*slices + 7) / 8;
	layer *in = graph_input(g, (shape){ 1, n[0], n[1], n[2], 1 });
	graph_keep(semantic_encode(g, &k->net.w.config.semantic, in, false, true));
}

int encoder_plan(model_cost *out, const encoder *k, err *e)
{
	encoder copy = *k; /* whose graph stays as it is */
	return network_plan(out, &k->net, describe, describe_part, &copy, e);
}

int encoder_report(report *out, const encoder *k, err *e)
{
	encoder copy = *k; /* whose graph stays as it is */
	return network_report(out, &k->net, describe, &copy, e);
}
