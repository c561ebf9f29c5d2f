#include "model/semantic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/layer.h"
#include "nn/attention.h"
#include "nn/blocks.h"
#include "nn/convnext.h"
#include "nn/depthwise.h"
#include "nn/dropout.h"
#include "nn/layer_norm.h"
#include "nn/resample.h"
#include "nn/slices.h"

#define BACKBONE "backbone.backbone."
#define FEATURES BACKBONE "features"
#define PLACES "positional_encoding.pe"
static const char AGAIN[] = "slice_distributed.module.backbone."; /* instead of BACKBONE */

static const double CONVNEXT_EPS = 1e-6, LAYER_EPS = 1e-5;
enum { STEM = 4, WIDER = 4, TAPS = 7 };
static const float SOFT = .15f; /* intensity over which a voxel passes from one range to the next */

/* ---- parameters ---- */

static int add_norm(param_table *t, const char *at, int channels, err *e)
{
	int code = table_add(t, INIT_ONES, 0, 1, (int64_t[]){ channels }, e, "%s.weight", at);
	return code ? code : table_add(t, INIT_ZEROS, 0, 1, (int64_t[]){ channels }, e, "%s.bias", at);
}

/* A convolution or matrix of the ConvNeXt; k 0: a matrix. */
static int add_map(param_table *t, const char *at, int out, int in, int k, err *e)
{
	int code = table_add(t, INIT_NORMAL, 0, k ? 4 : 2, (int64_t[]){ out, in, k, k }, e, "%s.weight", at);
	return code ? code : table_add(t, INIT_ZEROS, 0, 1, (int64_t[]){ out }, e, "%s.bias", at);
}

static int add_block(param_table *t, const char *at, int c, err *e)
{
	char name[LAYER_NAME];
	int code = table_add(t, INIT_ONES, 0, 3, (int64_t[]){ c, 1, 1 }, e, "%s.layer_scale", at);
	snprintf(name, sizeof name, "%s.block.0", at);
	if (!code)
		code = add_map(t, name, c, 1, TAPS, e);
	snprintf(name, sizeof name, "%s.block.2", at);
	if (!code)
		code = add_norm(t, name, c, e);
	snprintf(name, sizeof name, "%s.block.3", at);
	if (!code)
		code = add_map(t, name, WIDER * c, c, 0, e);
	snprintf(name, sizeof name, "%s.block.5", at);
	return code ? code : add_map(t, name, c, WIDER * c, 0, e);
}

/* The first convolution. A scan's background is 0: with offsets of 0, too, every norm behind it would divide by sqrt(eps), and the way back
 * through them all would be steeper by a factor of 1000 each. So other than torchvision's its offsets are drawn. */
static int add_stem(param_table *t, int channels, err *e)
{
	int code = table_add(t, INIT_NORMAL, 0, 4, (int64_t[]){ channels, 1, STEM, STEM }, e, FEATURES ".0.0.weight");
	return code ? code : table_add(t, INIT_NORMAL, 0, 1, (int64_t[]){ channels }, e, FEATURES ".0.0.bias");
}

static int add_backbone(param_table *t, const sem_config *s, err *e)
{
	int code = add_stem(t, s->dims[0], e);
	if (!code)
		code = add_norm(t, FEATURES ".0.1", s->dims[0], e);
	for (int level = 0; !code && level < s->levels; level++) {
		char at[96];
		if (level) {
			snprintf(at, sizeof at, FEATURES ".%d.0", 2 * level);
			code = add_norm(t, at, s->dims[level - 1], e);
			snprintf(at, sizeof at, FEATURES ".%d.1", 2 * level);
			if (!code)
				code = add_map(t, at, s->dims[level], s->dims[level - 1], 2, e);
		}
		for (int i = 0; !code && i < s->depths[level]; i++) {
			snprintf(at, sizeof at, FEATURES ".%d.%d", 2 * level + 1, i);
			code = add_block(t, at, s->dims[level], e);
		}
	}
	return code ? code : add_norm(t, BACKBONE "classifier.0", s->dims[s->levels - 1], e);
}

static int add_linear(param_table *t, const char *at, int out, int in, err *e)
{
	int code = table_add(t, INIT_UNIFORM, in, 2, (int64_t[]){ out, in }, e, "%s.weight", at);
	return code ? code : table_add(t, INIT_UNIFORM, in, 1, (int64_t[]){ out }, e, "%s.bias", at);
}

int semantic_table(const sem_config *s, param_table *t, err *e)
{
	static const char *const projections[] = { "query_projection", "key_projection", "value_projection" };
	int n = s->embedding, code = add_backbone(t, s, e);
	if (!code)
		code = table_add(t, INIT_ZEROS, 0, 3, (int64_t[]){ 1, s->slices, n }, e, PLACES);
	for (int i = 0; !code && i < 3; i++)
		code = add_linear(t, projections[i], n, n, e);
	if (!code)
		code = add_linear(t, "soft_attention.linear", 1, n, e);
	/* Glorot & Bengio 2010: uniform within sqrt(6 / (n + 3n)), which is 1/sqrt(2n/3) */
	if (!code)
		code = table_add(t, INIT_UNIFORM, (2 * n + 2) / 3, 2, (int64_t[]){ 3 * n, n }, e, "cross_attention.in_proj_weight");
	if (!code)
		code = table_add(t, INIT_ZEROS, 0, 1, (int64_t[]){ 3 * n }, e, "cross_attention.in_proj_bias");
	if (!code)
		code = table_add(t, INIT_UNIFORM, n, 2, (int64_t[]){ n, n }, e, "cross_attention.out_proj.weight");
	if (!code)
		code = table_add(t, INIT_ZEROS, 0, 1, (int64_t[]){ n }, e, "cross_attention.out_proj.bias");
	if (!code)
		code = add_norm(t, "layer_norm_after_attention", n, e);
	if (code || !s->coarse[0])
		return code;
	return table_add_layer(t, INIT_ZEROS, 2, SEMANTIC_COMPONENTS, semantic_coarse_count(s), n, 1, e);
}

int semantic_coarse_count(const sem_config *s)
{
	return s->coarse[0] * s->coarse[1] * s->coarse[2] * (s->n_shares ? s->n_shares : 1);
}

int semantic_box(const sem_config *s, const int n[3])
{
	const int box = s->coarse[0] ? n[0] / s->coarse[0] : 0;
	for (int i = 0; i < 3; i++)
		if (n[i] != box * s->coarse[i])
			return 0;
	return box;
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
		if (!strcmp(p->name, PLACES))
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
		char first[LAYER_NAME];
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

/* ---- the network ---- */

typedef struct pass {
	nn *c;
	const sem_config *s;
	const params *p;
	const semantic_call *call;
} pass;

static tensor *norm(const pass *q, const char *at, tensor *x, double eps)
{
	return nn_layer_norm(q->c, x, layer_param(q->c, q->p, at, "weight"), layer_param(q->c, q->p, at, "bias"), eps);
}

/* Takes over x. */
static tensor *norm_over(const pass *q, const char *at, tensor *x, double eps)
{
	tensor *y = norm(q, at, x, eps);
	nn_drop(q->c, x);
	return y;
}

/* Takes over x. */
static tensor *conv_over(const pass *q, const char *at, tensor *x, int stride)
{
	return layer_conv(q->c, q->p, at, x, (conv_spec){ .stride = stride, .takes_x = true });
}

static dropout dropout_of(const pass *q, const char *use, double rate)
{
	return (dropout){ .rate = rate, .random = q->call->random(q->call->of, use) };
}

void semantic_slices(const sem_config *s, const int n[3], int *slices, int size[2])
{
	static const int axes[][3] = { { 2, 0, 1 }, { 1, 0, 2 }, { 0, 1, 2 } }; /* by plane: along, then across */
	const int *axis = axes[s->plane];
	*slices = n[axis[0]];
	size[0] = n[axis[1]];
	size[1] = n[axis[2]];
}

/* x [b,X,Y,Z,1] -> [b,slices,height,width,1] */
static tensor *cut(const pass *q)
{
	const tensor *x = q->call->x;
	int slices, size[2];
	semantic_slices(q->s, (const int[3]){ x->s.x, x->s.y, x->s.z }, &slices, size);
	tensor *out = nn_tensor(q->c, (shape){ x->s.b, slices, size[0], size[1], 1 });
	if (!out || !out->v)
		return out;
	size_t at = 0, steps[3] = { (size_t)x->s.y * (size_t)x->s.z, (size_t)x->s.z, 1 }, volume = steps[0] * (size_t)x->s.x;
	size_t along = q->s->plane == PLANE_AXIAL ? steps[2] : q->s->plane == PLANE_CORONAL ? steps[1] : steps[0];
	size_t down = q->s->plane == PLANE_SAGITTAL ? steps[1] : steps[0], right = q->s->plane == PLANE_AXIAL ? steps[1] : steps[2];
	for (int b = 0; b < x->s.b; b++)
		for (int i = 0; i < slices; i++)
			for (int y = 0; y < size[0]; y++)
				for (int z = 0; z < size[1]; z++)
					out->v[at++] = x->v[(size_t)b * volume + i * along + y * down + z * right];
	return out;
}

/* Stochastic depth (Huang et al. 2016) of block k of n: whole slices lose their branch, more often in later blocks. *keep NULL: none. */
static void draw_keep(const pass *q, const char *at, int k, int n, size_t slices, float **keep)
{
	*keep = NULL;
	if (!q->call->random || k == 0 || q->s->drop_path == 0)
		return;
	const dropout d = dropout_of(q, at, q->s->drop_path * k / (n - 1));
	if (!(*keep = calloc(slices, sizeof **keep)))
		nn_fail(q->c, ERR_OS, "no memory for stochastic depth");
	for (size_t i = 0; *keep && i < slices; i++)
		(*keep)[i] = dropout_factor(&d, i);
}

/* Takes over x. k: the block's number among all n. */
static tensor *block(const pass *q, const char *at, int k, int n, tensor *x)
{
	nn *c = q->c;
	char name[LAYER_NAME];
	float *keep = NULL;
	if (x)
		draw_keep(q, at, k, n, (size_t)x->s.b * (size_t)x->s.x, &keep);
	snprintf(name, sizeof name, "%s.block.0", at);
	tensor *d = nn_depthwise(c, x, layer_param(c, q->p, name, "weight"), layer_param(c, q->p, name, "bias"));
	convnext_spec s = { .scale = layer_param(c, q->p, at, "layer_scale"), .eps = CONVNEXT_EPS, .keep = keep };
	snprintf(name, sizeof name, "%s.block.2", at);
	s.gain = layer_param(c, q->p, name, "weight");
	s.offset = layer_param(c, q->p, name, "bias");
	snprintf(name, sizeof name, "%s.block.3", at);
	s.widen = layer_param(c, q->p, name, "weight");
	s.widen_bias = layer_param(c, q->p, name, "bias");
	snprintf(name, sizeof name, "%s.block.5", at);
	s.narrow = layer_param(c, q->p, name, "weight");
	s.narrow_bias = layer_param(c, q->p, name, "bias");
	tensor *y = nn_convnext(c, d, x, &s);
	nn_drop(c, d);
	free(keep);
	return y;
}

/* Slices [b,S,Y,Z,1] -> [b,1,1,S,E]. Takes over x. */
static tensor *convnext(const pass *q, tensor *x)
{
	const sem_config *s = q->s;
	int n = 0, k = 0;
	for (int level = 0; level < s->levels; level++)
		n += s->depths[level];
	tensor *h = norm_over(q, FEATURES ".0.1", conv_over(q, FEATURES ".0.0", x, STEM), CONVNEXT_EPS);
	for (int level = 0; level < s->levels; level++) {
		char at[96];
		if (level) {
			snprintf(at, sizeof at, FEATURES ".%d.0", 2 * level);
			h = norm_over(q, at, h, CONVNEXT_EPS);
			snprintf(at, sizeof at, FEATURES ".%d.1", 2 * level);
			h = conv_over(q, at, h, 2);
		}
		for (int i = 0; i < s->depths[level]; i++) {
			snprintf(at, sizeof at, FEATURES ".%d.%d", 2 * level + 1, i);
			h = block(q, at, k++, n, h);
		}
	}
	tensor *mean = nn_map_mean(q->c, h);
	nn_drop(q->c, h);
	return norm_over(q, BACKBONE "classifier.0", mean, CONVNEXT_EPS);
}

/* Takes over x. */
static tensor *with_places(const pass *q, tensor *x)
{
	tensor *y = nn_add_code(q->c, x, layer_param(q->c, q->p, "positional_encoding", "pe"));
	nn_drop(q->c, x);
	if (!q->call->random || q->s->dropout == 0)
		return y;
	const dropout d = dropout_of(q, "positional_encoding", q->s->dropout);
	tensor *left = nn_dropout(q->c, y, NULL, ACT_NONE, &d);
	nn_drop(q->c, y);
	return left;
}

/* One of query, key, value: x through its projection, then through the attention's own matrix. That one is stacked, and applied whole: the
 * two thirds that are not asked for cost less than a thousandth of the encoder. */
static tensor *project(const pass *q, const char *at, tensor *x)
{
	tensor *y = layer_conv(q->c, q->p, at, x, (conv_spec){ 0 });
	conv_spec s = { .weight = layer_param(q->c, q->p, "cross_attention", "in_proj_weight"),
			.bias = layer_param(q->c, q->p, "cross_attention", "in_proj_bias") };
	tensor *stacked = s.weight ? nn_conv(q->c, y, &s) : NULL;
	nn_drop(q->c, y);
	return stacked;
}

/* The code from its slices [b,1,1,S,E]. Takes over h. */
static tensor *attend(const pass *q, tensor *h)
{
	nn *c = q->c;
	int n = q->s->embedding, width = n / q->s->heads;
	tensor *score = layer_conv(c, q->p, "soft_attention.linear", h, (conv_spec){ 0 }), *pooled = nn_soft_pool(c, h, score);
	attention_spec s = { .heads = q->s->heads, .width = width };
	dropout d;
	s.q = (attention_part){ project(q, "query_projection", pooled), 0, width };
	s.k = (attention_part){ project(q, "key_projection", h), n, width };
	s.v = (attention_part){ project(q, "value_projection", h), 2 * n, width };
	if (q->call->random && q->s->dropout > 0) {
		d = dropout_of(q, "cross_attention", q->s->dropout);
		s.drop = &d;
	}
	tensor *y = nn_attention(c, &s);
	tensor *done[] = { h, score, pooled, s.q.t, s.k.t, s.v.t };
	for (size_t i = 0; i < sizeof done / sizeof *done; i++)
		nn_drop(c, done[i]);
	return norm_over(q, "layer_norm_after_attention", conv_over(q, "cross_attention.out_proj", y, 1), LAYER_EPS);
}

/* How far v lies above an edge, 0..1. */
static float above(float v, double edge)
{
	const float x = (v - (float)edge) / SOFT + .5f;
	return x < 0 ? 0 : x > 1 ? 1 : x;
}

/* x [b,X,Y,Z,1] -> whether a voxel lies in each range of intensities [b,X,Y,Z,n]; they add up to how far it lies above the first edge. */
static tensor *in_ranges(nn *c, const sem_config *s, tensor *x)
{
	const int n = s->n_shares;
	shape to = x->s;
	to.c = n;
	tensor *out = nn_tensor(c, to);
	if (out && out->v)
#pragma omp parallel for num_threads(nn_threads(c))
		for (size_t i = 0; i < shape_count(x->s); i++)
			for (int k = 0; k < n; k++)
				out->v[i * (size_t)n + (size_t)k] =
					above(x->v[i], s->shares[k]) - (k + 1 < n ? above(x->v[i], s->shares[k + 1]) : 0);
	return out;
}

tensor *semantic_coarse(nn *c, const sem_config *s, tensor *x)
{
	const int box = x ? semantic_box(s, (const int[]){ x->s.x, x->s.y, x->s.z }) : 0;
	if (!x)
		return NULL;
	if (!box)
		return nn_fail(c, ERR_CONFIG, "semantic.coarse: %dx%dx%d voxels cannot be divided into it", x->s.x, x->s.y, x->s.z);
	tensor *v = s->n_shares ? in_ranges(c, s, x) : nn_keep(x);
	tensor *means = nn_mean_pool(c, v, NULL, ACT_NONE, (const int[]){ box, box, box }), *flat = nn_flatten(c, means);
	nn_drop(c, v);
	nn_drop(c, means);
	return flat;
}

/* Takes over y. */
static tensor *add_components(const pass *q, tensor *y)
{
	tensor *coarse = semantic_coarse(q->c, q->s, q->call->x);
	tensor *out = layer_conv(q->c, q->p, SEMANTIC_COMPONENTS, coarse, (conv_spec){ .add = y });
	nn_drop(q->c, coarse);
	return out;
}

tensor *semantic_encode(nn *c, const sem_config *s, const params *p, const semantic_call *call)
{
	const pass q = { c, s, p, call };
	if (!call->x)
		return NULL;
	if (call->x->s.c != 1)
		return nn_fail(c, ERR_DATA, "scans of %d channels, the semantic encoder takes one", call->x->s.c);
	tensor *y = attend(&q, with_places(&q, convnext(&q, cut(&q))));
	return s->coarse[0] && !call->part ? add_components(&q, y) : y;
}
