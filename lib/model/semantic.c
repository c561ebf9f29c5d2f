#include "model/semantic.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/attention.h"
#include "nn/blocks.h"
#include "nn/conv/conv.h"
#include "nn/convnext.h"
#include "nn/depthwise.h"
#include "nn/dropout.h"
#include "nn/layer_norm.h"
#include "nn/ranges.h"
#include "nn/resample.h"
#include "nn/slices.h"

#define BACKBONE "backbone.backbone."
#define PLACES "positional_encoding"
static const char AGAIN[] = "slice_distributed.module.backbone."; /* instead of BACKBONE */

static const double CONVNEXT_EPS = 1e-6, LAYER_EPS = 1e-5;
enum { STEM = 4, WIDER = 4, NAME = 192 };
static const double SOFT = .15; /* intensity over which a voxel passes from one range to the next */

/* ---- the ConvNeXt on each slice ---- */

/* A convolution over patches of k x k, which do not overlap. */
static layer *patches(graph *g, layer *x, int out, int k, enum init_rule bias, const char *at)
{
	return conv(g, x, &(conv_spec){ .out = out, .rank = 4, .k = k, .stride = k, .begins = INIT_NORMAL, .bias_begins = bias }, at);
}

/* Block number k of all n. With stochastic depth (Huang et al. 2016) whole slices lose their branch, more often in later blocks. */
static layer *block(graph *g, const sem_config *s, layer *x, bool drops, int k, int n)
{
	const int channels = graph_shape(x).c;
	const convnext_spec with = {
		.wide = WIDER * channels, .eps = CONVNEXT_EPS, .rate = drops && k ? s->drop_path * k / (n - 1) : 0, .use = ""
	};
	graph_parameter(g, (param_entry){ .rank = 3, .n = { channels, 1, 1 }, .rule = INIT_ONES }, "layer_scale"); /* torchvision's first */
	return convnext(g, depthwise(g, x, "block.0"), x, &with, "");
}

/* Slices [b,S,Y,Z,1] -> [b,1,1,S,E]. A scan's background is 0: with offsets of 0, too, every norm behind the first convolution would divide
 * by sqrt(eps), and the way back through them all would be steeper by a factor of 1000 each. So other than torchvision's its offsets are
 * drawn. */
static layer *backbone(graph *g, const sem_config *s, layer *x, bool drops)
{
	int n = 0, k = 0;
	for (int level = 0; level < s->levels; level++)
		n += s->depths[level];
	layer *h = patches(g, x, s->dims[0], STEM, INIT_NORMAL, BACKBONE "features.0.0");
	h = layer_norm(g, h, CONVNEXT_EPS, BACKBONE "features.0.1");
	for (int level = 0; level < s->levels; level++) {
		if (level) {
			graph_enter(g, BACKBONE "features.%d", 2 * level);
			h = patches(g, layer_norm(g, h, CONVNEXT_EPS, "0"), s->dims[level], 2, INIT_ZEROS, "1");
			graph_leave(g);
		}
		for (int i = 0; i < s->depths[level]; i++) {
			graph_enter(g, BACKBONE "features.%d.%d", 2 * level + 1, i);
			h = block(g, s, h, drops, k++, n);
			graph_leave(g);
		}
	}
	return layer_norm(g, map_mean(g, h), CONVNEXT_EPS, BACKBONE "classifier.0");
}

/* ---- attention over the slices ---- */

static layer *linear(graph *g, layer *x, int out, const char *at) { return conv(g, x, &(conv_spec){ .out = out, .rank = 2 }, at); }

static layer *with_places(graph *g, const sem_config *s, layer *x, bool drops)
{
	layer *y = add_code(g, x, s->slices, PLACES ".pe");
	return drops && s->dropout > 0 ? dropout(g, y, NULL, ACT_NONE, s->dropout, PLACES) : y;
}

/* One of query, key, value: x through its projection, then through the attention's own matrix. That one is stacked, and applied whole: the
 * two thirds that are not asked for cost less than a thousandth of the encoder. It begins as Glorot & Bengio 2010 have it: uniform within
 * sqrt(6 / (n + 3n)), which is 1/sqrt(2n/3). */
static layer *project(graph *g, layer *x, const char *at)
{
	const int n = graph_shape(x).c;
	const conv_spec stacked = { .out = 3 * n, .rank = 2, .bias_begins = INIT_ZEROS, .fan_in = (2 * n + 2) / 3 };
	return conv_named(g, linear(g, x, n, at), &stacked, "cross_attention.in_proj_weight", "cross_attention.in_proj_bias");
}

/* The code from its slices h [b,1,1,S,E]: soft attention over them makes a query, which attends to them all. */
static layer *attend(graph *g, const sem_config *s, layer *h, bool drops)
{
	const int n = s->embedding, width = n / s->heads;
	layer *pooled = soft_pool(g, h, linear(g, h, 1, "soft_attention.linear"));
	layer *y = attention(g, &(attention_spec){ .q = { project(g, pooled, "query_projection"), 0, width },
						   .k = { project(g, h, "key_projection"), n, width },
						   .v = { project(g, h, "value_projection"), 2 * n, width },
						   .heads = s->heads,
						   .width = width,
						   .rate = drops ? s->dropout : 0,
						   .use = "cross_attention" });
	y = conv(g, y, &(conv_spec){ .out = n, .rank = 2, .bias_begins = INIT_ZEROS }, "cross_attention.out_proj");
	return layer_norm(g, y, LAYER_EPS, "layer_norm_after_attention");
}

/* ---- coarse scans ---- */

layer *semantic_coarse(graph *g, const sem_config *s, layer *x)
{
	const shape n = graph_shape(x);
	const int box = semantic_box(s, (const int[]){ n.x, n.y, n.z });
	if (!box)
		return graph_fail(g, ERR_CONFIG, "semantic.coarse: %dx%dx%d voxels cannot be divided into it", n.x, n.y, n.z);
	layer *v = s->n_shares ? ranges(g, x, s->shares, s->n_shares, SOFT) : x;
	return flatten(g, mean_pool(g, v, NULL, ACT_NONE, (const int[]){ box, box, box }));
}

/* y and what the components make of a coarse scan. */
static layer *add_components(graph *g, const sem_config *s, layer *coarse, layer *y)
{
	return conv(g, coarse, &(conv_spec){ .out = s->embedding, .rank = 2, .add = y, .begins = INIT_ZEROS }, SEMANTIC_COMPONENTS);
}

int semantic_coarse_count(const sem_config *s) { return s->coarse[0] * s->coarse[1] * s->coarse[2] * (s->n_shares ? s->n_shares : 1); }

int semantic_box(const sem_config *s, const int n[3])
{
	const int box = s->coarse[0] ? n[0] / s->coarse[0] : 0;
	for (int i = 0; i < 3; i++)
		if (n[i] != box * s->coarse[i])
			return 0;
	return box;
}

void semantic_slices(const sem_config *s, const int n[3], int *slices, int size[2])
{
	static const int axes[][3] = { { 2, 0, 1 }, { 1, 0, 2 }, { 0, 1, 2 } }; /* by plane: along, then across */
	const int *axis = axes[s->plane];
	*slices = n[axis[0]];
	size[0] = n[axis[1]];
	size[1] = n[axis[2]];
}

/* ---- all of it ---- */

layer *semantic_encode(graph *g, const sem_config *s, layer *x, bool drops, bool part)
{
	static const int along[] = { [PLANE_AXIAL] = 2, [PLANE_CORONAL] = 1, [PLANE_SAGITTAL] = 0 };
	if (x && graph_shape(x).c != 1)
		return graph_fail(g, ERR_DATA, "scans of %d channels, the semantic encoder takes one", graph_shape(x).c);
	layer *h = backbone(g, s, cut(g, x, along[s->plane]), drops);
	layer *y = attend(g, s, with_places(g, s, h, drops), drops);
	return s->coarse[0] && !part ? add_components(g, s, semantic_coarse(g, s, x), y) : y;
}

/* ---- parameters ---- */

/* The authors' state dict names the projections first of what attends. */
static const char *const ORDER[] = { "backbone.", PLACES, "query_projection.", "key_projection.", "value_projection.", NULL };

int semantic_table(const sem_config *s, param_table *t, err *e)
{
	const int n = 2 << s->levels; /* voxels of the smallest slice that can be halved so often */
	const shape slice[] = {
		[PLANE_AXIAL] = { 1, n, n, 1, 1 }, [PLANE_CORONAL] = { 1, n, 1, n, 1 }, [PLANE_SAGITTAL] = { 1, 1, n, n, 1 }
	};
	graph *g = graph_new(GRAPH_ONCE, NN_EXACT, 1);
	if (!g)
		return err_set(e, ERR_OS, "no memory for a network");
	layer *y = semantic_encode(g, s, graph_input(g, slice[s->plane]), false, true);
	if (s->coarse[0])
		add_components(g, s, graph_input(g, (shape){ 1, 1, 1, 1, semantic_coarse_count(s) }), y);
	const int code = graph_take_table(g, t, e);
	graph_free(g);
	return code ? code : table_order(t, ORDER, e);
}

static void fill_places(param *p, int n)
{
	for (size_t i = 0; i < p->count; i++) {
		double place = (double)(i / (size_t)n), w = pow(10000, -(double)(i % (size_t)n / 2 * 2) / n);
		p->v[i] = (float)(i % (size_t)n % 2 ? cos(place * w) : sin(place * w));
	}
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);
	return n >= m && !strcmp(name + n - m, end);
}

int semantic_fresh(const sem_config *s, uint64_t seed, params *ps, err *e)
{
	param_table t = { 0 };
	int code = semantic_table(s, &t, e);
	if (!code)
		code = table_fresh(&t, seed, ps, e);
	for (size_t i = 0; !code && i < t.n; i++) {
		param *p = params_find(ps, t.t[i].name);
		if (!strcmp(p->name, PLACES ".pe"))
			fill_places(p, s->embedding);
		for (size_t k = 0; ends_with(p->name, ".layer_scale") && k < p->count; k++)
			p->v[k] = (float)s->layer_scale;
	}
	table_free(&t);
	return code;
}

int semantic_names(params *ps, err *e)
{
	for (size_t i = 0; i < ps->n;) {
		param *p = &ps->p[i];
		char first[NAME];
		if (strncmp(p->name, AGAIN, sizeof AGAIN - 1)) {
			i++;
			continue;
		}
		/* shorter than what it replaces */
		snprintf(first, sizeof first, "%s%s", BACKBONE, p->name + sizeof AGAIN - 1);
		const param *q = params_find(ps, first);
		if (!q) {
			strcpy(p->name, first);
			i++;
		} else if (q->count != p->count || memcmp(q->v, p->v, p->count * sizeof *p->v)) {
			return err_set(e, ERR_CONFIG, "%s: differs from %s, which should be the same weights", p->name, first);
		} else {
			params_remove(ps, i);
		}
	}
	return 0;
}
