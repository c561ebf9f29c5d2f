#include "probe/probe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/finite.h"
#include "format/safetensors.h"

static const char *const tasks[] = { [PROBE_CLASSIFY] = "classification", [PROBE_REGRESS] = "regression" };
static const char *const objectives[] = {
	[PROBE_CLASSIFY] = "C sum_i c_i log(1 + exp(-t_i f_i)) + |w|^2 / 2",
	[PROBE_REGRESS] = "sum_i (v_i - f_i)^2 + lambda |w|^2",
};

/* ---- reading ---- */

/* Tensor `name` as doubles. *n: its length, which is asked for when it is not 0. */
static int read_vector(double **out, size_t *n, const st_file *f, const char *name, err *e)
{
	const st_tensor *t = st_find(f, name);
	if (!t || t->rank != 1 || !t->count || (*n && t->count != *n))
		return err_set(e, ERR_CONFIG, "%s: no probe: tensor %s is missing or has an impossible shape", f->path, name);
	int code = mem_zero(out, t->count, sizeof **out, f->path, e);
	if (code)
		return code;
	*n = t->count;
	dtype_to_double(*out, t->data, t->dtype, t->count);
	return finite_check(*out, DTYPE_F64, *n, name, ERR_CONFIG, e) ? err_prefix(e, "%s: tensor", f->path) : 0;
}

/* A copy of metadata entry `key`; without one *out stays NULL, which is an error when it is `needed`. */
static int read_text(char **out, const st_file *f, const char *key, bool needed, err *e)
{
	const char *v = st_meta(f, key);
	if (!v)
		return needed ? err_set(e, ERR_CONFIG, "%s: no probe: its metadata have no %s", f->path, key) : 0;
	return mem_text(out, v, e);
}

/* The list of texts that metadata "negative" holds; none: an empty list. */
static int read_negative(json_t **out, const st_file *f, err *e)
{
	const char *v = st_meta(f, "negative");
	json_t *list = v ? json_loads(v, JSON_REJECT_DUPLICATES, NULL) : json_array(), *value;
	size_t i;
	bool bad = !json_is_array(list);
	json_array_foreach (list, i, value)
		bad = bad || !json_is_string(value);
	if (bad) {
		json_decref(list);
		return err_set(e, ERR_CONFIG, "%s: metadata negative is no list of texts", f->path);
	}
	*out = list;
	return 0;
}

static int read_number(double *out, const st_file *f, const char *key, err *e)
{
	const char *v = st_meta(f, key);
	char *end;
	*out = v ? strtod(v, &end) : 0;
	if (v && (end == v || *end || !(*out >= 0) || !(*out < 0x1p53)))
		return err_set(e, ERR_CONFIG, "%s: metadata %s is no number", f->path, key);
	return 0;
}

/* The least or most value of a regression's labels; NAN when the file does not say. */
static int read_bound(double *out, const st_file *f, const char *key, err *e)
{
	const char *v = st_meta(f, key);
	char *end;
	*out = v ? strtod(v, &end) : NAN;
	if (v && (end == v || *end || !isfinite(*out)))
		return err_set(e, ERR_CONFIG, "%s: metadata %s is no number", f->path, key);
	return 0;
}

static int read_identity(char out[SHA_TEXT], const st_file *f, const char *key, err *e)
{
	const char *v = st_meta(f, key);
	if (v && (strlen(v) != SHA_TEXT - 1 || strspn(v, "0123456789abcdef") != SHA_TEXT - 1))
		return err_set(e, ERR_CONFIG, "%s: metadata %s is no SHA-256", f->path, key);
	if (v)
		memcpy(out, v, SHA_TEXT);
	return 0;
}

static int read_metadata(probe *p, const st_file *f, err *e)
{
	const char *kind = st_meta(f, "kind"), *task = st_meta(f, "task");
	double records = 0, subjects = 0;
	if (!kind || strcmp(kind, "probe"))
		return err_set(e, ERR_CONFIG, "%s: no probe: %s%.60s", f->path,
			       kind ? "it holds a model of kind " : "it does not say what it holds", kind ? kind : "");
	if (!task || (strcmp(task, tasks[0]) && strcmp(task, tasks[1])))
		return err_set(e, ERR_CONFIG, "%s: task %.60s is not known", f->path, task ? task : "(none)");
	p->task = strcmp(task, tasks[0]) ? PROBE_REGRESS : PROBE_CLASSIFY;
	const char *balanced = st_meta(f, "balanced");
	p->balanced = balanced && !strcmp(balanced, "true");
	int code = read_text(&p->target, f, "target", true, e);
	if (!code)
		code = read_text(&p->tensor, f, "tensor", true, e);
	if (!code && p->task == PROBE_CLASSIFY)
		code = read_text(&p->positive, f, "positive", true, e);
	if (!code && p->task == PROBE_CLASSIFY)
		code = read_negative(&p->negative, f, e);
	if (!code)
		code = read_bound(&p->least, f, "least", e);
	if (!code)
		code = read_bound(&p->most, f, "most", e);
	if (!code)
		code = read_text(&p->encoder_kind, f, "encoder_kind", false, e);
	if (!code && p->encoder_kind)
		code = read_identity(p->encoder, f, "encoder", e);
	if (!code)
		code = st_meta_json(f, "encoder_conventions", &p->conventions, e);
	if (!code)
		code = read_number(&p->strength, f, "strength", e);
	if (!code)
		code = read_number(&records, f, "records", e);
	if (!code)
		code = read_number(&subjects, f, "subjects", e);
	p->records = (int64_t)records;
	p->subjects = (int64_t)subjects;
	return code;
}

int probe_read(probe *p, const char *path, err *e)
{
	st_file *f = NULL;
	double *bias = NULL;
	size_t one = 1;
	*p = (probe){ 0 };
	int code = st_open(&f, path, e);
	if (!code)
		code = read_metadata(p, f, e);
	if (!code)
		code = read_vector(&p->weight, &p->n, f, "weight", e);
	if (!code)
		code = read_vector(&p->mean, &p->n, f, "mean", e);
	if (!code)
		code = read_vector(&p->std, &p->n, f, "std", e);
	if (!code)
		code = read_vector(&bias, &one, f, "bias", e);
	for (size_t i = 0; !code && i < p->n; i++)
		if (!(p->std[i] > 0))
			code = err_set(e, ERR_CONFIG, "%s: tensor std: a value is not positive", path);
	if (!code)
		code = st_verify(f, e);
	if (!code) {
		p->bias = *bias;
		st_identity(f, p->identity);
	}
	free(bias);
	st_close(f);
	return code;
}

void probe_free(probe *p)
{
	free(p->target);
	free(p->positive);
	json_decref(p->negative);
	json_decref(p->conventions);
	free(p->tensor);
	free(p->encoder_kind);
	free(p->weight);
	free(p->mean);
	free(p->std);
	*p = (probe){ 0 };
}

/* ---- writing ---- */

/* NULL: no entry. */
static bool put(json_t *metadata, const char *key, const char *value)
{
	return !value || !json_object_set_new(metadata, key, json_string(value));
}

static json_t *metadata_of(const probe *p)
{
	char strength[32], records[24], subjects[24], least[32], most[32];
	const bool ranged = p->task == PROBE_REGRESS && isfinite(p->least) && isfinite(p->most);
	char *negative = p->negative ? json_dumps(p->negative, JSON_COMPACT) : NULL;
	char *conventions = p->conventions ? json_dumps(p->conventions, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	json_t *m = json_object();
	snprintf(strength, sizeof strength, "%.17g", p->strength);
	snprintf(records, sizeof records, "%lld", (long long)p->records);
	snprintf(subjects, sizeof subjects, "%lld", (long long)p->subjects);
	snprintf(least, sizeof least, "%.17g", p->least);
	snprintf(most, sizeof most, "%.17g", p->most);
	bool good = m && !negative == !p->negative && put(m, "kind", "probe") && put(m, "task", tasks[p->task]) &&
		    put(m, "target", p->target) && put(m, "positive", p->positive) && put(m, "negative", negative) &&
		    put(m, "least", ranged ? least : NULL) && put(m, "most", ranged ? most : NULL) && put(m, "tensor", p->tensor) &&
		    put(m, "encoder_kind", p->encoder_kind) && put(m, "encoder", p->encoder_kind ? p->encoder : NULL) &&
		    !conventions == !p->conventions && put(m, "encoder_conventions", conventions) &&
		    put(m, "objective", objectives[p->task]) && put(m, "strength", strength) &&
		    put(m, "balanced",
			p->task == PROBE_REGRESS ? NULL
			: p->balanced		 ? "true"
						 : "false") &&
		    put(m, "records", records) && put(m, "subjects", subjects);
	free(negative);
	free(conventions);
	if (good)
		return m;
	json_decref(m);
	return NULL;
}

int probe_write(const char *path, bool force, const probe *p, err *e)
{
	const int64_t one = 1, n = (int64_t)p->n;
	const st_item items[] = {
		{ "weight", DTYPE_F64, 1, &n, p->weight },
		{ "bias", DTYPE_F64, 1, &one, &p->bias },
		{ "mean", DTYPE_F64, 1, &n, p->mean },
		{ "std", DTYPE_F64, 1, &n, p->std },
	};
	json_t *metadata = metadata_of(p);
	if (!metadata)
		return err_set(e, ERR_DATA, "%s: a name of the probe is no UTF-8", path);
	int code = st_write(path, force, items, sizeof items / sizeof *items, metadata, false, e);
	json_decref(metadata);
	return code;
}

/* ---- use ---- */

double probe_value(const probe *p, const float *y)
{
	double sum = 0;
	for (size_t i = 0; i < p->n; i++)
		sum += p->weight[i] * (((double)y[i] - p->mean[i]) / p->std[i]);
	return sum + p->bias;
}

double probe_reading(enum probe_task task, double f) { return task == PROBE_CLASSIFY ? probe_logistic(f) : f; }

double probe_logistic(double f) { return f < 0 ? exp(f) / (1 + exp(f)) : 1 / (1 + exp(-f)); }
