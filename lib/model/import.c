#include "model/import.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "format/finite.h"
#include "format/json.h"
#include "format/safetensors.h"
#include "model/autoencoder.h"
#include "model/conventions.h"
#include "model/semantic.h"
#include "model/unet.h"
#include "model/weights.h"

enum { MOST_BLOCKS = 512 }; /* of a network, that are counted */

/* ---- which networks there are ---- */

/* Tensors that only this network has: one of them tells that it is there, though another be missing. */
static const struct {
	const char *kind, *tensor;
} marks[] = {
	{ "autoencoder", "encoder.blocks.0.conv.weight" }, { "autoencoder", "quant_conv_mu.conv.weight" },
	{ "semantic", "soft_attention.linear.weight" },	   { "semantic", "query_projection.weight" },
	{ "unet", "input_blocks.0.0.weight" },		   { "unet", "time_embed.0.weight" },
	{ "discriminator", "initial_conv.conv.weight" },   { "discriminator", "final_conv.conv.weight" },
};

/* Tensor PREFIX + printed name; NULL when there is none. */
static const checkpoint_tensor *at(const import *in, const char *prefix, const char *name, ...) __attribute__((format(printf, 3, 4)));
static const checkpoint_tensor *at(const import *in, const char *prefix, const char *name, ...)
{
	char full[512];
	int n = snprintf(full, sizeof full, "%s", prefix);
	va_list ap;
	va_start(ap, name);
	n += vsnprintf(full + n, sizeof full - (size_t)n, name, ap);
	va_end(ap);
	return (size_t)n < sizeof full ? checkpoint_find(&in->file, full) : NULL;
}

/* The ConvNeXt appears twice in the authors' semantic encoders, as backbone. and as slice_distributed.module.: either will do. */
static const checkpoint_tensor *second(const import *in, const char *prefix, const char *name)
{
	return strncmp(name, "backbone.", 9) ? NULL : at(in, prefix, "slice_distributed.module.%s", name);
}

static const checkpoint_tensor *either(const import *in, const char *prefix, const char *name)
{
	const checkpoint_tensor *t = at(in, prefix, "%s", name);
	return t ? t : second(in, prefix, name);
}

/* Does a name's prefix of n characters end where one can: at its beginning, a point, or the end of a dictionary's place? */
static bool ends_prefix(const char *name, size_t n) { return !n || name[n - 1] == '.' || name[n - 1] == '/'; }

static bool is_listed(const import *in, const import_part *p)
{
	for (int i = 0; i < in->n_all; i++)
		if (!strcmp(in->all[i].kind, p->kind) && !strcmp(in->all[i].prefix, p->prefix))
			return true;
	return false;
}

static int find_all(import *in, err *e)
{
	for (size_t i = 0; i < in->file.n; i++)
		for (size_t k = 0; k < sizeof marks / sizeof *marks; k++) {
			const char *name = in->file.tensors[i].name;
			size_t n = strlen(name), m = strlen(marks[k].tensor);
			if (n < m || strcmp(name + n - m, marks[k].tensor) || !ends_prefix(name, n - m))
				continue;
			import_part p = { .kind = marks[k].kind, .beside = in->file.tensors[i].beside };
			snprintf(p.prefix, sizeof p.prefix, "%.*s", (int)(n - m), name);
			if (!strcmp(p.kind, "unet") &&
			    (at(in, p.prefix, "label_emb.weight") || at(in, p.prefix, "shift_out.2.weight")))
				p.kind = "shift_unet";
			if (is_listed(in, &p))
				continue;
			if (in->n_all == IMPORT_MAX_PARTS)
				return err_set(e, ERR_CONFIG, "more than %d networks", IMPORT_MAX_PARTS);
			in->all[in->n_all++] = p;
		}
	if (in->n_all)
		return 0;
	char list[IMPORT_LIST];
	return err_set(e, ERR_CONFIG, "holds no network of LDAE's (its first tensor is %.100s; tensors are in %s)",
		       in->file.tensors[0].name, import_dictionaries(in, list));
}

const char *import_dictionaries(const import *in, char list[IMPORT_LIST])
{
	const checkpoint *c = &in->file;
	snprintf(list, IMPORT_LIST, "%s", c->n_dictionaries ? "" : "the file itself");
	for (int i = 0; i < c->n_dictionaries; i++) {
		size_t n = strlen(list);
		const char *name = c->dictionaries[i].name;
		snprintf(list + n, IMPORT_LIST - n, "%s%s (%zu)", i ? ", " : "", *name ? name : "the outermost dictionary",
			 c->dictionaries[i].tensors);
	}
	return list;
}

/* Is `average` the moving average of `plain`: a.b.unet. and a.b.ema_unet.? */
static bool is_average(const char *average, const char *plain)
{
	size_t n = strlen(plain), last = n ? n - 1 : 0;
	while (last && !ends_prefix(plain, last))
		last--;
	return n && !strncmp(average, plain, last) && !strncmp(average + last, "ema_", 4) && !strcmp(average + last + 4, plain + last);
}

bool import_is_average(const import_part *p)
{
	for (const char *s = p->prefix; *s; s++)
		if (ends_prefix(p->prefix, (size_t)(s - p->prefix)) || s[-1] == '_')
			if (!strncasecmp(s, "ema", 3) || !strncasecmp(s, "swa", 3) || !strncasecmp(s, "average", 7))
				return true;
	return false;
}

static bool has_prefix(const import_part *p, const char *prefix)
{
	size_t n = strlen(prefix);
	return !strcmp(p->prefix, prefix) ||
	       (!strncmp(p->prefix, prefix, n) && strlen(p->prefix) == n + 1 && ends_prefix(p->prefix, n + 1));
}

/* The one network of this kind that is meant, NULL for none: under this prefix or, where none is given, first of those in the dictionary
 * that counts. */
static int choose(const import_part **chosen, const import *in, const char *kind, const char *prefix, err *e)
{
	*chosen = NULL;
	for (int beside = 0; beside < 2 && !*chosen; beside++)
		for (int i = 0; i < in->n_all; i++) {
			const import_part *p = &in->all[i];
			if (strcmp(p->kind, kind) || p->beside != beside || (prefix && !has_prefix(p, prefix)) ||
			    (*chosen && is_average((*chosen)->prefix, p->prefix)))
				continue;
			if (*chosen && !is_average(p->prefix, (*chosen)->prefix))
				return err_set(e, ERR_CONFIG, "%s: there is one under '%s' and one under '%s': choose by --prefix", kind,
					       (*chosen)->prefix, p->prefix);
			*chosen = p;
		}
	return 0;
}

/* "autoencoder under 'vae.', .." */
static int nothing_chosen(const import *in, const char *prefix, err *e)
{
	char list[300] = "";
	for (int i = 0; i < in->n_all; i++) {
		size_t n = strlen(list);
		snprintf(list + n, sizeof list - n, "%s%s under '%s'", i ? ", " : "", in->all[i].kind, in->all[i].prefix);
	}
	return err_set(e, ERR_CONFIG, "no network to take%s%.60s%s: it holds %s", prefix ? " under '" : "", prefix ? prefix : "",
		       prefix ? "'" : "", list);
}

int import_open(import *in, const char *path, const char *prefix, err *e)
{
	static const char *const kinds[] = { "autoencoder", "semantic", "shift_unet", "unet" };
	*in = (import){ .source = strrchr(path, '/') ? strrchr(path, '/') + 1 : path };
	int code = checkpoint_open(&in->file, path, e);
	if (code)
		return code;
	code = find_all(in, e);
	for (int k = 0; !code && k < 4; k++) {
		const import_part *p;
		code = choose(&p, in, kinds[k], prefix, e);
		if (!code && p)
			in->parts[in->n++] = *p;
	}
	if (!code && !in->n)
		code = nothing_chosen(in, prefix, e);
	if (code)
		err_prefix(e, "%s", path);
	return code;
}

void import_close(import *in)
{
	checkpoint_close(&in->file);
	json_decref(in->config);
	*in = (import){ .n = 0 };
}

/* ---- configuration: what names and shapes tell ---- */

/* Length of an axis, 0 where there is no such tensor or axis. */
static json_int_t axis(const checkpoint_tensor *t, int i) { return t && i < t->rank ? t->n[i] : 0; }

/* What most of these tensors of PREFIX + printed name + .LEAF (the list of leaves ends with NULL) have as their first axis, the first of
 * them where they are at odds: so one that is missing or has another shape is found by the check of all, and named. 0: there is none of
 * them. */
static json_int_t width(const import *in, const char *prefix, const char *const *leaves, const char *name, ...)
	__attribute__((format(printf, 4, 5)));
static json_int_t width(const import *in, const char *prefix, const char *const *leaves, const char *name, ...)
{
	enum { MOST = 8 };
	char front[128];
	json_int_t widths[MOST], best = 0;
	int n = 0, votes = 0;
	va_list ap;
	va_start(ap, name);
	vsnprintf(front, sizeof front, name, ap);
	va_end(ap);
	for (; leaves[n]; n++) {
		char full[256];
		snprintf(full, sizeof full, "%s%s%s", front, *front ? "." : "", leaves[n]);
		widths[n] = axis(either(in, prefix, full), 0);
	}
	for (int i = 0; i < n; i++) {
		int like = 0;
		for (int k = 0; k < n; k++)
			like += widths[k] == widths[i];
		if (widths[i] && like > votes) {
			votes = like;
			best = widths[i];
		}
	}
	return best;
}

/* Whoever makes a section looks at the end alone: what could not be filled in for want of memory is NULL. */
static void drop(json_t **v)
{
	json_decref(*v);
	*v = NULL;
}

static void put(json_t **section, const char *key, json_t *v)
{
	if (json_object_set_new(*section, key, v))
		drop(section);
}

static void append(json_t **list, json_int_t v)
{
	if (json_array_append_new(*list, json_integer(v)))
		drop(list);
}

/* A number that names and shapes told; where they did not, a tensor is missing, which the check of all will say. */
static void tell(json_t **section, const char *key, json_int_t v)
{
	if (v > 0)
		put(section, key, json_integer(v));
}

static json_t *autoencoder_section(const import *in, const char *prefix)
{
	static const char *const residual[] = { "conv1.conv.weight", "conv1.conv.bias", "norm2.weight", "norm2.bias", "conv2.conv.weight",
						"conv2.conv.bias", NULL },
				 *const down[] = { "conv.conv.weight", "conv.conv.bias", NULL },
				 *const latent[] = { "quant_conv_mu.conv.weight",	 "quant_conv_mu.conv.bias",
						     "quant_conv_log_sigma.conv.weight", "quant_conv_log_sigma.conv.bias",
						     "post_quant_conv.conv.weight",	 "post_quant_conv.conv.bias",
						     NULL };
	json_t *s = json_object(), *channels = json_array();
	json_int_t now = 0, blocks = 0, every = -1;
	bool even = true;
	for (int i = 1; i < MOST_BLOCKS; i++) {
		json_int_t out = width(in, prefix, residual, "encoder.blocks.%d", i);
		if (out) {
			now = out;
			blocks++;
			continue;
		}
		append(&channels, now);
		even = even && (every < 0 || blocks == every);
		every = blocks;
		blocks = 0;
		if (!width(in, prefix, down, "encoder.blocks.%d", i))
			break;
	}
	put(&s, "channels", channels);
	tell(&s, "latent_channels", width(in, prefix, latent, "%s", ""));
	tell(&s, "image_channels", axis(at(in, prefix, "encoder.blocks.0.conv.weight"), 1));
	put(&s, "res_blocks", json_integer(even ? every : 0));
	return s;
}

static json_t *unet_section(const import *in, const char *prefix)
{
	static const char *const residual[] = { "in_layers.2.weight", "in_layers.2.bias",    "out_layers.0.weight", "out_layers.0.bias",
						"out_layers.3.weight", "out_layers.3.bias", NULL },
				 *const attention[] = { "norm.weight", "qkv.weight", "proj_out.weight", NULL },
				 *const first[] = { "0.0.weight", "0.0.bias", "1.0.in_layers.0.weight", "1.0.in_layers.0.bias", NULL };
	json_int_t base = width(in, prefix, first, "input_blocks");
	int blocks = 1, levels = 1;
	while (blocks < MOST_BLOCKS && width(in, prefix, residual, "input_blocks.%d.0", blocks))
		blocks++;
	/* a way up ends each level but the last with one more residual block */
	for (int i = 0; i < blocks; i++)
		levels += width(in, prefix, residual, "output_blocks.%d.1", i) || width(in, prefix, residual, "output_blocks.%d.2", i);
	int each = blocks / levels; /* convolution or halving, and the residual blocks */
	json_t *s = json_object(), *multipliers = json_array(), *at_factors = json_array();
	for (int l = 0; l < levels && each > 1; l++) {
		json_int_t channels = width(in, prefix, residual, "input_blocks.%d.0", 1 + l * each);
		append(&multipliers, base ? channels / base : 0);
		if (width(in, prefix, attention, "input_blocks.%d.1", 1 + l * each))
			append(&at_factors, (json_int_t)1 << (l < 30 ? l : 30));
	}
	tell(&s, "in_channels", axis(at(in, prefix, "input_blocks.0.0.weight"), 1));
	tell(&s, "base_channels", base);
	put(&s, "multipliers", multipliers);
	put(&s, "res_blocks", json_integer(each - 1));
	put(&s, "attention_at", at_factors);
	return s;
}

/* Numbers of a code, by the semantic encoder and by the network that takes them. */
static json_int_t embedding(const import *in, const char *prefix)
{
	static const char *const linear[] = { "layer_norm_after_attention.weight", "layer_norm_after_attention.bias",
					      "query_projection.weight",	   "query_projection.bias",
					      "key_projection.weight",		   "value_projection.weight",
					      NULL };
	return width(in, prefix, linear, "%s", "");
}

static json_t *semantic_section(const import *in, const char *prefix)
{
	static const char *const block[] = { "layer_scale",    "block.0.weight", "block.0.bias", "block.2.weight",
					     "block.2.bias", "block.5.bias",	NULL };
	json_t *s = json_object(), *dims = json_array(), *depths = json_array();
	for (int level = 0; level < CONFIG_MAX_LEVELS; level++) {
		int depth = 0;
		json_int_t wide = 0, is;
		while (depth < MOST_BLOCKS && (is = width(in, prefix, block, "backbone.backbone.features.%d.%d", 1 + 2 * level, depth))) {
			wide = is;
			depth++;
		}
		if (!depth)
			break;
		append(&dims, wide);
		append(&depths, depth);
	}
	put(&s, "dims", dims);
	put(&s, "depths", depths);
	tell(&s, "embedding", embedding(in, prefix));
	tell(&s, "slices", axis(at(in, prefix, "positional_encoding.pe"), 1));
	return s;
}

/* What was published, and what the shapes of the parts say. */
static json_t *derive(const import *in)
{
	json_t *all = json_pack("{s:[i,i,i], s:{s:i, s:s, s:f, s:i}}", "volume", 128, 160, 128, "diffusion", "timesteps", 1000, "schedule",
				"linear", "scale_factor", .8730, "clip", 1);
	for (int i = 0; all && i < in->n; i++) {
		const import_part *p = &in->parts[i];
		if (!strcmp(p->kind, "autoencoder")) {
			put(&all, "autoencoder", autoencoder_section(in, p->prefix));
		} else if (!strcmp(p->kind, "semantic")) {
			put(&all, "semantic", semantic_section(in, p->prefix));
			tell(&all, "latent_dim", embedding(in, p->prefix));
		} else {
			put(&all, "unet", unet_section(in, p->prefix));
			if (!strcmp(p->kind, "shift_unet"))
				tell(&all, "latent_dim", axis(at(in, p->prefix, "label_emb.weight"), 1));
		}
	}
	return all;
}

static int table_of(param_table *t, const import *in, const char *kind, err *e)
{
	if (!strcmp(kind, "autoencoder"))
		return autoencoder_table(&in->parsed.autoencoder, t, e);
	if (!strcmp(kind, "semantic"))
		return semantic_table(&in->parsed.semantic, t, e);
	return unet_table(&in->parsed, !strcmp(kind, "shift_unet"), t, e);
}

/* There is no tensor of this name: nothing at all, or an object? */
static int missing(const import *in, const import_part *p, const char *name, err *e)
{
	char full[sizeof p->prefix + 128], class[PICKLE_CLASS];
	snprintf(full, sizeof full, "%s%s", p->prefix, name);
	if (checkpoint_object(&in->file, full, class))
		return err_set(e, ERR_CONFIG, "%s is an object of %s, which would have to be executed, and no tensor", full, class);
	return err_set(e, ERR_CONFIG, "%s is missing", full);
}

/* Every parameter with its shape; *elements grows by theirs. */
static int check_part(const import *in, const import_part *p, size_t *elements, err *e)
{
	param_table table = { 0 };
	char has[SHAPE_TEXT], wants[SHAPE_TEXT];
	int code = table_of(&table, in, p->kind, e);
	for (size_t i = 0; !code && i < table.n; i++) {
		const param_entry *x = &table.t[i];
		const checkpoint_tensor *t = either(in, p->prefix, x->name);
		if (!t)
			code = missing(in, p, x->name, e);
		else if (t->rank != x->rank || (x->rank && memcmp(t->n, x->n, (size_t)x->rank * sizeof *x->n)))
			code = err_set(e, ERR_CONFIG, "%s has shape %s; the other tensors, or the configuration, ask for %s", t->name,
				       shape_text(t->rank, t->n, has), shape_text(x->rank, x->n, wants));
		else if (t->dtype != DTYPE_F32 && t->dtype != DTYPE_F16 && t->dtype != DTYPE_BF16 && t->dtype != DTYPE_F64)
			code = err_set(e, ERR_CONFIG, "%s%s holds whole numbers where weights should be", p->prefix, x->name);
		else
			*elements += t->count;
	}
	table_free(&table);
	return code;
}

int import_configure(import *in, const json_t *given, err *e)
{
	size_t elements = 0;
	in->config = derive(in);
	if (!in->config || (given && json_object_update_recursive(in->config, (json_t *)given)))
		return err_set(e, ERR_OS, "no memory");
	int code = config_parse(&in->parsed, in->config, "configuration", e);
	for (int i = 0; !code && i < in->n; i++) {
		code = check_part(in, &in->parts[i], &elements, e);
		if (code)
			err_prefix(e, "%s", in->parts[i].kind);
	}
	/* tensors may share their numbers, but a file does not grow beyond what float16 to float32 makes of it */
	if (!code && elements > in->file.bytes)
		code = err_set(e, ERR_CONFIG, "%zu weights out of a file of %zu bytes", elements, in->file.bytes);
	return code;
}

/* "unet.groups 32" behind what is in the list. */
static void list_value(char list[IMPORT_LIST], const char *key, const char *value)
{
	size_t n = strlen(list);
	snprintf(list + n, IMPORT_LIST - n, "%s%s %s", n ? ", " : "", key, value);
}

/* Does a convention stand in the published configuration? What only networks of ours have is not worth a word. */
static bool is_published(const char *key)
{
	static const char *const ours[] = { "autoencoder.patch", "autoencoder.anchored", "semantic.coarse", "diffusion.standardised",
					    "diffusion.components", "diffusion.places", "diffusion.shift_places" };
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (!strcmp(key, ours[i]))
			return false;
	return true;
}

int import_assumed(const import *in, const json_t *given, char list[IMPORT_LIST], err *e)
{
	const int *n = in->parsed.volume;
	char text[JSON_BRIEF];
	*list = 0;
	for (int i = 0; i < in->n; i++) {
		const char *key;
		json_t *v, *all = conventions_of(&in->parsed, in->parts[i].kind);
		if (!all)
			return err_set(e, ERR_OS, "no memory");
		json_object_foreach(all, key, v) {
			char section[32];
			const char *leaf = strchr(key, '.') + 1;
			snprintf(section, sizeof section, "%.*s", (int)(leaf - key) - 1, key);
			json_brief(v, text);
			if (!json_object_get(json_object_get(given, section), leaf) && !strstr(list, key) && is_published(key))
				list_value(list, key, text);
		}
		json_decref(all);
	}
	snprintf(text, sizeof text, "%dx%dx%d", n[0], n[1], n[2]);
	if (!json_object_get(given, "volume"))
		list_value(list, "volume", text);
	if (!json_object_get(given, "preparation"))
		list_value(list, "preparation", "stored, at 1.5 mm");
	return 0;
}

/* ---- writing ---- */

/* Do two copies of a tensor hold the same? */
static int same(bool *equal, const checkpoint_tensor *a, const checkpoint_tensor *b, err *e)
{
	size_t bytes = a->count * dtype_size(a->dtype);
	void *copy[2] = { NULL, NULL };
	*equal = a->dtype == b->dtype && a->rank == b->rank && !memcmp(a->n, b->n, sizeof a->n);
	if (!*equal || (a->contiguous && b->contiguous)) {
		*equal = *equal && (a->data == b->data || !memcmp(a->data, b->data, bytes));
		return 0;
	}
	int code = mem_zero(&copy[0], bytes, 1, a->name, e);
	if (!code)
		code = mem_zero(&copy[1], bytes, 1, a->name, e);
	if (!code) {
		checkpoint_copy(copy[0], a);
		checkpoint_copy(copy[1], b);
		*equal = !memcmp(copy[0], copy[1], bytes);
	}
	free(copy[0]);
	free(copy[1]);
	return code;
}

/* t as it will be written: in its place where it can be, else in *own, which is freed with free(). */
static int to_item(st_item *item, void **own, const checkpoint_tensor *t, const char *name, err *e)
{
	bool half = t->dtype == DTYPE_F16 && t->rank >= 2;
	*item = (st_item){ name, half ? DTYPE_F16 : DTYPE_F32, t->rank, t->n, t->data };
	if (t->contiguous && t->dtype == item->dtype)
		return 0;
	void *copy = NULL, *floats = NULL;
	int code = mem_zero(&copy, t->count, dtype_size(t->dtype), t->name, e);
	if (!code)
		checkpoint_copy(copy, t);
	if (code || t->dtype == item->dtype) {
		item->data = *own = copy;
		return code;
	}
	code = mem_zero(&floats, t->count, sizeof(float), t->name, e);
	if (!code)
		dtype_to_float(floats, copy, t->dtype, t->count);
	free(copy);
	item->data = *own = floats;
	return code;
}

/* Are all numbers of t finite, as they will be written? */
static int check_finite(const checkpoint_tensor *t, err *e)
{
	st_item item;
	void *own = NULL;
	int code = to_item(&item, &own, t, t->name, e);
	if (!code)
		code = finite_check(item.data, item.dtype, t->count, t->name, ERR_CONFIG, e);
	free(own);
	return code;
}

int import_verify(import *in, err *e)
{
	int code = 0;
	for (int i = 0; !code && i < in->n; i++) {
		param_table table = { 0 };
		const import_part *p = &in->parts[i];
		code = table_of(&table, in, p->kind, e);
		for (size_t k = 0; !code && k < table.n; k++) {
			const checkpoint_tensor *t = either(in, p->prefix, table.t[k].name), *copy = second(in, p->prefix, table.t[k].name);
			bool equal = true;
			code = checkpoint_verify(&in->file, t, e);
			if (!code)
				code = check_finite(t, e);
			if (!code && copy && copy != t)
				code = same(&equal, t, copy, e);
			if (!code && !equal)
				code = err_set(e, ERR_CONFIG, "%s and %s are not the same", t->name, copy->name);
		}
		table_free(&table);
	}
	return code;
}

/* Metadata `kind`: the identity of FOLDER/KIND.safetensors, and its conventions; nothing when there is no such file. */
static int put_identity(json_t *metadata, const char *folder, const char *kind, err *e)
{
	char *path = NULL;
	weights w = { 0 };
	if (asprintf(&path, "%s/%s.safetensors", folder, kind) < 0)
		return err_set(e, ERR_OS, "no memory");
	int code = access(path, F_OK) ? 0 : weights_map(&w, path, kind, e);
	if (!code && w.file && json_object_set_new(metadata, kind, json_string(w.identity)))
		code = err_set(e, ERR_OS, "no memory");
	if (!code && w.file)
		code = weights_note_conventions(metadata, kind, w.conventions, e);
	weights_close(&w);
	free(path);
	return code;
}

static int put_text(json_t *metadata, const char *key, const json_t *v, err *e)
{
	char *text = NULL;
	size_t n;
	int code = json_text(&text, &n, v, e);
	if (!code && json_object_set_new(metadata, key, json_stringn(text, n)))
		code = err_set(e, ERR_OS, "no memory");
	free(text);
	return code;
}

static int make_metadata(json_t **out, const import *in, const import_part *p, const char *folder, const json_t *preparation, err *e)
{
	json_t *m = *out = json_pack("{s:s, s:o}", "kind", p->kind, "source", json_name(in->source));
	int code = m ? put_text(m, "config", in->config, e) : err_set(e, ERR_OS, "%s: no memory", in->source);
	if (!code)
		code = put_text(m, "preparation", preparation, e);
	if (!code && *p->prefix && json_object_set_new(m, "prefix", json_name(p->prefix)))
		code = err_set(e, ERR_OS, "no memory");
	if (!code && strstr(p->kind, "unet"))
		code = put_identity(m, folder, "autoencoder", e);
	if (!code && !strcmp(p->kind, "shift_unet"))
		code = put_identity(m, folder, "semantic", e);
	return code;
}

int import_write(import *in, int i, const char *folder, bool force, const json_t *preparation, err *e)
{
	const import_part *p = &in->parts[i];
	param_table table = { 0 };
	st_item *items = NULL;
	void **own = NULL;
	json_t *metadata = NULL;
	char *path = NULL;
	int code = table_of(&table, in, p->kind, e);
	if (!code)
		code = mem_zero(&items, table.n, sizeof *items, p->kind, e);
	if (!code)
		code = mem_zero(&own, table.n, sizeof *own, p->kind, e);
	for (size_t k = 0; !code && k < table.n; k++)
		code = to_item(&items[k], &own[k], either(in, p->prefix, table.t[k].name), table.t[k].name, e);
	if (!code)
		code = make_metadata(&metadata, in, p, folder, preparation, e);
	if (!code && asprintf(&path, "%s/%s.safetensors", folder, p->kind) < 0) {
		path = NULL;
		code = err_set(e, ERR_OS, "no memory");
	}
	if (!code)
		code = st_write(path, force, items, table.n, metadata, false, e);
	for (size_t k = 0; own && k < table.n; k++)
		free(own[k]);
	free(own);
	free(items);
	free(path);
	json_decref(metadata);
	table_free(&table);
	return code;
}
