/* A volume's bytes depend neither on those beside it in a batch, nor on its place there, nor on the number of threads: every kind of layer
 * on 5 volumes, on 2 and on each alone. A product's rounding depends on its number of rows in most of OpenBLAS's kernels, so kernels.sh
 * runs this with each of them. */
#include "../unit.h"

#include "../nn_case.h"
#include "../nn_gradient.h"
#include "../nn_layers.h"

#include "nn/attention.h"
#include "nn/combine.h"
#include "nn/convnext.h"
#include "nn/depthwise.h"
#include "nn/layer_norm.h"
#include "nn/norm.h"
#include "nn/resample.h"
#include "nn/slices.h"

enum { MOST = 5, INPUTS = 3 };

/* What is described of inputs: their shapes for one volume (b 0: not used), and the parameters. */
typedef struct operator {
	shape in[INPUTS];
	const void *with;
	layer *(*describe)(graph *g, layer *const *in, const void *with);
	params *ps;
	bool over; /* the result lies where the layer's input did */
} operator;

/* The result for `n` volumes from `from` on, as bytes: [n][...]. values: those of all volumes, input by input. */
static float *result_of(const operator *o, float *const *values, int from, int n, int threads, size_t *each)
{
	err e;
	params none = { 0 };
	graph *g = graph_new(GRAPH_ONCE, NN_FAST, threads);
	layer *in[INPUTS] = { NULL };
	for (int i = 0; i < INPUTS && o->in[i].b; i++) {
		shape s = o->in[i];
		s.b = n;
		in[i] = graph_input(g, s);
	}
	layer *out = graph_keep(o->describe(g, in, o->with));
	made_ready(g, o->ps ? o->ps : &none);
	assert_true(!o->over || takes_place_of(out, out->in[0]));
	for (int i = 0; i < INPUTS && o->in[i].b; i++)
		give(in[i], values[i] + (size_t)from * shape_count(o->in[i]));
	SUCCEEDS(graph_forward(g, &e));
	assert_int_equal(out->s.b, n);
	*each = shape_count(out->s) / (size_t)n;
	float *v = copy_of(out->v, (size_t)n * *each);
	graph_free(g);
	return v;
}

/* All of 5, then 2 and 3, then each alone: where the volumes of the parts begin. */
static void same_in_any_batch(const char *what, const operator *o, uint64_t seed)
{
	static const struct {
		int threads, part[MOST + 1];
	} ways[] = { { 1, { 0, 5 } }, { 2, { 0, 5 } }, { 3, { 0, 5 } }, { 2, { 0, 2, 5 } }, { 3, { 0, 1, 2, 3, 4, 5 } } };
	dice d = dice_of(seed);
	float *values[INPUTS] = { NULL }, *want[MOST] = { NULL };
	size_t each = 0;
	for (int i = 0; i < INPUTS && o->in[i].b; i++) {
		size_t n = MOST * shape_count(o->in[i]);
		values[i] = malloc(n * sizeof **values);
		assert_non_null(values[i]);
		normals(&d, n, 1, values[i], NULL);
	}
	for (int v = 0; v < MOST; v++)
		want[v] = result_of(o, values, v, 1, 1, &each);
	for (size_t k = 0; k < sizeof ways / sizeof *ways; k++)
		for (const int *part = ways[k].part; *part < MOST; part++) {
			int from = *part, n = part[1] - from;
			float *got = result_of(o, values, from, n, ways[k].threads, &each);
			for (int v = 0; v < n; v++)
				if (memcmp(got + (size_t)v * each, want[from + v], each * sizeof *got))
					fail_msg("%s, seed %d: volume %d of 5, in a batch of %d, %d threads: other bytes than alone", what,
						 (int)seed, from + v + 1, n, ways[k].threads);
			free(got);
		}
	for (int i = 0; i < INPUTS; i++)
		free(values[i]);
	for (int v = 0; v < MOST; v++)
		free(want[v]);
}

static void parameter(params *ps, dice *d, const char *name, int rank, const int64_t *n)
{
	err e;
	param *p;
	SUCCEEDS(params_add(ps, name, rank, n, &p, &e));
	normals(d, p->count, rank > 1 ? sqrt((double)p->n[0] / (double)p->count) : 1, p->v, NULL);
}

/* ---- convolutions ---- */

enum { X, AFFINE, ADD };

static layer *describe_conv(graph *g, layer *const *in, const void *with)
{
	const conv_case *k = with;
	const conv_spec s = spec_of(k, k->affine ? in[AFFINE] : NULL, in[ADD]);
	return conv(g, in[X], &s, "conv");
}

static void convolution(const conv_case *k, uint64_t seed)
{
	dice d = dice_of(seed);
	params ps = { 0 };
	int64_t n[5] = { k->out, k->in.c, k->k[0], k->k[1], k->k[2] };
	if (k->rank == 4)
		memmove(n + 2, n + 3, 2 * sizeof *n);
	parameter(&ps, &d, "conv.weight", k->rank, n);
	parameter(&ps, &d, "conv.bias", 1, n);
	operator o = { .in = { k->in }, .with = k, .describe = describe_conv, .ps = &ps };
	const ref_conv plain = plain_of(k);
	o.in[X].b = 1;
	if (k->affine || k->add) /* inputs follow each other */
		o.in[AFFINE] = (shape){ 1, 1, 1, 1, 2 * k->in.c };
	if (k->add) {
		o.in[ADD] = ref_conv_shape(&plain);
		o.in[ADD].b = 1;
	}
	same_in_any_batch("convolution", &o, seed);
	params_free(&ps);
}

static void test_conv(void **state)
{
	(void)state;
	dice d = dice_of(11);
	for (uint64_t i = 0; i < 40; i++) {
		const conv_case k = random_case(&d);
		convolution(&k, i);
	}
	/* maps as the U-Nets have them: 16 or fewer tiles, wide, behind a doubling, one tap; embeddings */
	static const conv_case cases[] = {
		{ .in = { 1, 4, 5, 4, 72 }, .out = 64, .k = { 3, 3, 3 }, .rank = 5, .low = 1, .high = 1, .up = { 1, 1, 1 } },
		{ .in = { 1, 4, 5, 4, 256 }, .out = 256, .k = { 3, 3, 3 }, .rank = 5, .low = 1, .high = 1, .up = { 1, 1, 1 } },
		{ .in = { 1, 5, 7, 3, 48 }, .out = 32, .k = { 3, 3, 3 }, .rank = 5, .low = 1, .high = 1, .up = { 1, 2, 2 } },
		{ .in = { 1, 5, 7, 3, 32 }, .out = 32, .k = { 3, 3, 3 }, .rank = 5, .low = 1, .high = 1, .up = { 2, 2, 2 } },
		{ .in = { 1, 5, 7, 6, 56 }, .out = 168, .k = { 1, 1, 1 }, .rank = 3, .up = { 1, 1, 1 }, .affine = true },
		{ .in = { 1, 16, 5, 4, 96 }, .out = 64, .k = { 1, 1, 1 }, .rank = 5, .up = { 1, 1, 1 }, .bias = true },
		{ .in = { 1, 1, 1, 1, 128 }, .out = 256, .k = { 1, 1, 1 }, .rank = 2, .up = { 1, 1, 1 }, .bias = true, .act = ACT_SILU },
		{ .in = { 1, 1, 1, 1, 513 }, .out = 70, .k = { 1, 1, 1 }, .rank = 2, .up = { 1, 1, 1 }, .bias = true },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		convolution(&cases[i], 100 + i);
}

/* A convolution that lays its result over its own input, as the U-Nets' skip connections do. */
static layer *describe_over(graph *g, layer *const *in, const void *with)
{
	return conv(g, copied(g, in[0]), &(conv_spec){ .out = *(const int *)with, .rank = 2 }, "skip");
}

static void test_over_input(void **state)
{
	(void)state;
	/* parts of a volume at a time, a volume, several */
	static const shape inputs[] = { { 1, 70, 32, 33, 24 }, { 1, 16, 20, 16, 96 }, { 1, 8, 5, 4, 72 }, { 1, 3, 2, 3, 40 },
					{ 1, 1, 1, 1, 64 } };
	static const int out[] = { 16, 64, 48, 33, 64 };
	for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
		dice d = dice_of(i);
		params ps = { 0 };
		parameter(&ps, &d, "skip.weight", 2, (int64_t[]){ out[i], inputs[i].c });
		parameter(&ps, &d, "skip.bias", 1, (int64_t[]){ out[i] });
		const operator o = { .in = { inputs[i] }, .with = &out[i], .describe = describe_over, .ps = &ps, .over = true };
		same_in_any_batch("convolution in place", &o, i);
		params_free(&ps);
	}
}

/* ---- attention ---- */

static layer *describe_attention(graph *g, layer *const *in, const void *with)
{
	attention_spec s = *(const attention_spec *)with;
	s.q.x = in[0];
	s.k.x = s.v.x = in[1] ? in[1] : in[0];
	return attention(g, &s);
}

static void test_attention(void **state)
{
	(void)state;
	static const struct {
		shape q, kv;
		int heads, width;
	} cases[] = {
		{ { 1, 4, 5, 4, 3 * 64 }, { 0 }, 1, 64 }, { { 1, 2, 3, 3, 3 * 48 }, { 0 }, 3, 16 }, { { 1, 7, 5, 4, 3 * 20 }, { 0 }, 4, 5 },
		{ { 1, 1, 1, 1, 32 }, { 1, 1, 1, 33, 96 }, 8, 4 }, { { 1, 1, 7, 1, 12 }, { 1, 1, 1, 12, 36 }, 4, 3 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int channels = cases[i].heads * cases[i].width, w = cases[i].width;
		bool apart = cases[i].kv.b;
		attention_spec s = { .heads = cases[i].heads, .width = w };
		s.q = (attention_part){ NULL, 0, apart ? w : 3 * w };
		s.k = (attention_part){ NULL, w, apart ? w : 3 * w };
		s.v = (attention_part){ NULL, apart ? 2 * channels : 2 * w, apart ? w : 3 * w };
		const operator o = { .in = { cases[i].q, cases[i].kv }, .with = &s, .describe = describe_attention };
		same_in_any_batch("attention", &o, i);
	}
}

/* ---- the semantic encoder's ---- */

static layer *describe_convnext(graph *g, layer *const *in, const void *with)
{
	return convnext(g, in[0], copied(g, in[1]), with, "");
}

static void test_convnext(void **state)
{
	(void)state;
	static const shape shapes[] = { { 1, 6, 5, 7, 48 }, { 1, 10, 8, 9, 24 }, { 1, 3, 2, 1, 64 }, { 1, 1, 1, 1, 16 },
					{ 1, 20, 16, 20, 20 } };
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		dice d = dice_of(i);
		params ps = { 0 };
		int64_t ch = shapes[i].c, wide = 4 * ch;
		parameter(&ps, &d, "block.2.weight", 1, &ch);
		parameter(&ps, &d, "block.2.bias", 1, &ch);
		parameter(&ps, &d, "block.3.weight", 2, (int64_t[]){ wide, ch });
		parameter(&ps, &d, "block.3.bias", 1, &wide);
		parameter(&ps, &d, "block.5.weight", 2, (int64_t[]){ ch, wide });
		parameter(&ps, &d, "block.5.bias", 1, &ch);
		parameter(&ps, &d, "layer_scale", 3, (int64_t[]){ ch, 1, 1 });
		const convnext_spec s = { .wide = (int)wide, .eps = 1e-6, .use = "depth" };
		const operator o = { .in = { shapes[i], shapes[i] }, .with = &s, .describe = describe_convnext, .ps = &ps };
		same_in_any_batch("ConvNeXt block", &o, i);
		params_free(&ps);
	}
}

static layer *describe_slices(graph *g, layer *const *in, const void *with)
{
	(void)with;
	layer *norm = layer_norm(g, depthwise(g, in[0], "depthwise"), 1e-6, "norm");
	return soft_pool(g, add_code(g, map_mean(g, norm), 12, "code"), in[1]);
}

static void test_slices(void **state)
{
	(void)state;
	dice d = dice_of(5);
	params ps = { 0 };
	parameter(&ps, &d, "depthwise.weight", 4, (int64_t[]){ 24, 1, 7, 7 });
	parameter(&ps, &d, "depthwise.bias", 1, (int64_t[]){ 24 });
	parameter(&ps, &d, "norm.weight", 1, (int64_t[]){ 24 });
	parameter(&ps, &d, "norm.bias", 1, (int64_t[]){ 24 });
	parameter(&ps, &d, "code", 3, (int64_t[]){ 1, 12, 24 });
	const operator o = { .in = { { 1, 9, 8, 7, 24 }, { 1, 1, 1, 9, 1 } }, .describe = describe_slices, .ps = &ps };
	same_in_any_batch("slices", &o, 5);
	params_free(&ps);
}

/* ---- norm, and what joins ---- */

static layer *describe_joins(graph *g, layer *const *in, const void *with)
{
	(void)with;
	const int by[] = { 1, 2, 2 };
	layer *norm = modulate(g, group_norm(g, in[0], 4, 1e-5, "norm"), in[2]);
	return add_places(g, concat(g, mean_pool(g, upsample(g, in[0], by), norm, ACT_SILU, by), in[1]));
}

static void test_joins(void **state)
{
	(void)state;
	dice d = dice_of(6);
	params ps = { 0 };
	parameter(&ps, &d, "norm.weight", 1, (int64_t[]){ 24 });
	parameter(&ps, &d, "norm.bias", 1, (int64_t[]){ 24 });
	const operator o = {
		.in = { { 1, 14, 12, 10, 24 }, { 1, 14, 12, 10, 7 }, { 1, 1, 1, 1, 48 } }, .describe = describe_joins, .ps = &ps
	};
	same_in_any_batch("norm, pooling and joining", &o, 6);
	params_free(&ps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conv),	 cmocka_unit_test(test_over_input), cmocka_unit_test(test_attention),
		cmocka_unit_test(test_convnext), cmocka_unit_test(test_slices),	    cmocka_unit_test(test_joins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
