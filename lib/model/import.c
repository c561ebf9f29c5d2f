#include "model/import.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "format/json.h"
#include "format/safetensors.h"
#include "model/autoencoder.h"
#include "model/semantic.h"
#include "model/unet.h"

enum { MOST_BLOCKS = 512 }; /* of a network, that are counted */

/* ---- which networks there are ---- */

/* A tensor that only this network has. */
static const struct {
	const char *kind, *tensor;
} marks[] = {
	{ "autoencoder", "encoder.blocks.0.conv.weight" },
	{ "semantic", "soft_attention.linear.weight" },
	{ "unet", "input_blocks.0.0.weight" },
	{ "discriminator", "initial_conv.conv.weight" },
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

/* The ConvNeXt stands twice in the authors' semantic encoders, as backbone. and as slice_distributed.module.: either will do. */
static const checkpoint_tensor *second(const import *in, const char *prefix, const char *name)
{
	return strncmp(name, "backbone.", 9) ? NULL : at(in, prefix, "slice_distributed.module.%s", name);
}

static const checkpoint_tensor *either(const import *in, const char *prefix, const char *name)
{
	const checkpoint_tensor *t = at(in, prefix, "%s", name);
	return t ? t : second(in, prefix, name);
}

static int find_all(import *in, err *e)
{
	for (size_t i = 0; i < in->file.n; i++)
		for (size_t k = 0; k < sizeof marks / sizeof *marks; k++) {
			const char *name = in->file.tensors[i].name;
			size_t n = strlen(name), m = strlen(marks[k].tensor);
			if (n < m || strcmp(name + n - m, marks[k].tensor) || (n > m && name[n - m - 1] != '.'))
				continue;
			if (in->n_all == IMPORT_MAX_PARTS)
				return err_set(e, ERR_CONFIG, "more than %d networks", IMPORT_MAX_PARTS);
			import_part *p = &in->all[in->n_all++];
			p->kind = marks[k].kind;
			snprintf(p->prefix, sizeof p->prefix, "%.*s", (int)(n - m), name);
			if (!strcmp(p->kind, "unet") && at(in, p->prefix, "label_emb.weight"))
				p->kind = "shift_unet";
		}
	return in->n_all ? 0 : err_set(e, ERR_CONFIG, "holds no network of LDAE's (its first tensor is %.100s)", in->file.tensors[0].name);
}

/* Is `average` the moving average of `plain`: a.b.unet. and a.b.ema_unet.? */
static bool is_average(const char *average, const char *plain)
{
	size_t n = strlen(plain), last = n ? n - 1 : 0;
	while (last && plain[last - 1] != '.')
		last--;
	return n && !strncmp(average, plain, last) && !strncmp(average + last, "ema_", 4) && !strcmp(average + last + 4, plain + last);
}

static bool has_prefix(const import_part *p, const char *prefix)
{
	size_t n = strlen(prefix);
	return !strcmp(p->prefix, prefix) || (!strncmp(p->prefix, prefix, n) && !strcmp(p->prefix + n, "."));
}

/* The one network of this kind that is meant, NULL for none. */
static int choose(const import_part **chosen, const import *in, const char *kind, const char *prefix, err *e)
{
	*chosen = NULL;
	for (int i = 0; i < in->n_all; i++) {
		const import_part *p = &in->all[i];
		if (strcmp(p->kind, kind) || (prefix && !has_prefix(p, prefix)) || (*chosen && is_average((*chosen)->prefix, p->prefix)))
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

static json_t *autoencoder_section(const import *in, const char *prefix)
{
	json_t *channels = json_array();
	json_int_t now = 0, blocks = 0, every = -1;
	bool even = true;
	for (int i = 1; i < MOST_BLOCKS; i++) {
		const checkpoint_tensor *res = at(in, prefix, "encoder.blocks.%d.conv1.conv.weight", i),
					*down = at(in, prefix, "encoder.blocks.%d.conv.conv.weight", i);
		if (res) {
			now = axis(res, 0);
			blocks++;
			continue;
		}
		json_array_append_new(channels, json_integer(now));
		even = even && (every < 0 || blocks == every);
		every = blocks;
		blocks = 0;
		if (!down)
			break;
	}
	const checkpoint_tensor *first = at(in, prefix, "encoder.blocks.0.conv.weight"),
				*mean = at(in, prefix, "quant_conv_mu.conv.weight");
	json_t *s = json_pack("{s:o, s:I, s:I, s:I}", "channels", channels, "latent_channels", axis(mean, 0), "image_channels",
			      axis(first, 1), "res_blocks", even ? every : 0);
	return s;
}

static json_t *unet_section(const import *in, const char *prefix)
{
	const checkpoint_tensor *first = at(in, prefix, "input_blocks.0.0.weight");
	json_int_t base = axis(first, 0);
	int blocks = 1, levels = 1;
	while (blocks < MOST_BLOCKS && at(in, prefix, "input_blocks.%d.0.in_layers.2.weight", blocks))
		blocks++;
	/* a way up ends each level but the last with one more residual block */
	for (int i = 0; i < blocks; i++)
		levels += at(in, prefix, "output_blocks.%d.1.in_layers.2.weight", i) ||
			  at(in, prefix, "output_blocks.%d.2.in_layers.2.weight", i);
	int each = blocks / levels; /* convolution or halving, and the residual blocks */
	json_t *multipliers = json_array(), *attention = json_array();
	for (int l = 0; l < levels && each > 1; l++) {
		json_int_t channels = axis(at(in, prefix, "input_blocks.%d.0.out_layers.3.weight", 1 + l * each), 0);
		json_array_append_new(multipliers, json_integer(base ? channels / base : 0));
		if (at(in, prefix, "input_blocks.%d.1.qkv.weight", 1 + l * each))
			json_array_append_new(attention, json_integer((json_int_t)1 << (l < 30 ? l : 30)));
	}
	return json_pack("{s:I, s:I, s:o, s:i, s:o}", "in_channels", axis(first, 1), "base_channels", base, "multipliers", multipliers,
			 "res_blocks", each - 1, "attention_at", attention);
}

static json_t *semantic_section(const import *in, const char *prefix)
{
	json_t *dims = json_array(), *depths = json_array();
	char name[128];
	for (int s = 0; s < CONFIG_MAX_LEVELS; s++) {
		int depth = 0;
		json_int_t width = 0;
		for (; depth < MOST_BLOCKS; depth++) {
			snprintf(name, sizeof name, "backbone.backbone.features.%d.%d.block.0.weight", 1 + 2 * s, depth);
			const checkpoint_tensor *t = either(in, prefix, name);
			if (!t)
				break;
			width = axis(t, 0);
		}
		if (!depth)
			break;
		json_array_append_new(dims, json_integer(width));
		json_array_append_new(depths, json_integer(depth));
	}
	return json_pack("{s:o, s:o, s:I, s:I}", "dims", dims, "depths", depths, "embedding",
			 axis(at(in, prefix, "soft_attention.linear.weight"), 1), "slices",
			 axis(at(in, prefix, "positional_encoding.pe"), 1));
}

/* What was published, and what the shapes of the parts say. */
static json_t *derive(const import *in)
{
	json_t *all = json_pack("{s:[i,i,i], s:{s:i, s:s, s:f, s:i}}", "volume", 128, 160, 128, "diffusion", "timesteps", 1000, "schedule",
				"linear", "scale_factor", .8730, "clip", 1);
	for (int i = 0; all && i < in->n; i++) {
		const import_part *p = &in->parts[i];
		if (!strcmp(p->kind, "autoencoder")) {
			json_object_set_new(all, "autoencoder", autoencoder_section(in, p->prefix));
		} else if (!strcmp(p->kind, "semantic")) {
			json_object_set_new(all, "semantic", semantic_section(in, p->prefix));
			json_object_set_new(all, "latent_dim", json_integer(axis(at(in, p->prefix, "soft_attention.linear.weight"), 1)));
		} else {
			json_object_set_new(all, "unet", unet_section(in, p->prefix));
			if (!strcmp(p->kind, "shift_unet"))
				json_object_set_new(all, "latent_dim", json_integer(axis(at(in, p->prefix, "label_emb.weight"), 1)));
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

/* Every parameter with its shape; *elements grows by theirs. */
static int check_part(const import *in, const import_part *p, size_t *elements, err *e)
{
	param_table table = { 0 };
	int code = table_of(&table, in, p->kind, e);
	for (size_t i = 0; !code && i < table.n; i++) {
		const table_entry *x = &table.t[i];
		const checkpoint_tensor *t = either(in, p->prefix, x->name);
		if (!t)
			code = err_set(e, ERR_CONFIG, "%s%s is missing", p->prefix, x->name);
		else if (t->rank != x->rank || (x->rank && memcmp(t->n, x->n, (size_t)x->rank * sizeof *x->n)))
			code = err_set(e, ERR_CONFIG, "%s%s does not have the shape that the other tensors, or the configuration, ask for",
				       p->prefix, x->name);
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
			if (!code && copy && copy != t)
				code = same(&equal, t, copy, e);
			if (!code && !equal)
				code = err_set(e, ERR_CONFIG, "%s and %s are not the same", t->name, copy->name);
		}
		table_free(&table);
	}
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

/* Metadata `key`: the identity of FOLDER/KIND.safetensors; nothing when there is no such file. */
static int put_identity(json_t *metadata, const char *folder, const char *kind, err *e)
{
	char *path = NULL, identity[SHA_TEXT];
	st_file *f = NULL;
	if (asprintf(&path, "%s/%s.safetensors", folder, kind) < 0)
		return err_set(e, ERR_OS, "no memory");
	int code = access(path, F_OK) ? 0 : st_open(&f, path, e);
	if (f) {
		st_identity(f, identity);
		if (json_object_set_new(metadata, kind, json_string(identity)))
			code = err_set(e, ERR_OS, "no memory");
	}
	st_close(f);
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
	json_t *m = *out = json_pack("{s:s, s:s}", "kind", p->kind, "source", in->source);
	int code = m ? put_text(m, "config", in->config, e) : err_set(e, ERR_DATA, "%s: a name that is no UTF-8", in->source);
	if (!code)
		code = put_text(m, "preparation", preparation, e);
	if (!code && *p->prefix && json_object_set_new(m, "prefix", json_string(p->prefix)))
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
