#include "model/coder.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/autoencoder.h"
#include "model/find.h"

/* Everything the configuration asks for is there, before anything runs. */
static int check_params(const weights *w, err *e)
{
	param_table table = { 0 };
	int code = autoencoder_table(&w->config.autoencoder, &table, e);
	if (!code)
		code = table_check(&table, &w->params, e);
	table_free(&table);
	return code;
}

int coder_open(coder *k, const char *model, enum nn_math math, int threads, err *e)
{
	char *path = NULL;
	*k = (coder){ .c = nn_new(NN_INFER, math, threads) };
	if (!k->c)
		return err_set(e, ERR_OS, "no memory for the network");
	int code = model_find(&path, model, "autoencoder", e);
	if (!code)
		code = weights_open(&k->w, path, "autoencoder", e);
	if (!code && (code = check_params(&k->w, e)))
		err_prefix(e, "%s", path);
	free(path);
	return code ? code : coder_shape(k, k->w.config.volume, e);
}

int coder_shape(coder *k, const int n[3], err *e)
{
	const ae_config *a = &k->w.config.autoencoder;
	int f = ae_factor(a);
	k->x[0] = a->image_channels;
	k->z[0] = a->latent_channels;
	for (int i = 0; i < 3; i++) {
		if (n[i] < f || n[i] % f)
			return err_set(e, ERR_CONFIG, "a grid of %dx%dx%d voxels cannot be divided by %d", n[0], n[1], n[2], f);
		k->x[i + 1] = n[i];
		k->z[i + 1] = n[i] / f;
	}
	return 0;
}

void coder_close(coder *k)
{
	nn_free(k->c);
	weights_close(&k->w);
	k->c = NULL;
}

static shape shape_of(const int64_t n[4]) { return (shape){ 1, (int)n[1], (int)n[2], (int)n[3], (int)n[0] }; }

static size_t count(const int64_t n[4]) { return (size_t)(n[0] * n[1] * n[2] * n[3]); }

/* z = mean + exp(log variance / 2) * noise, the bounds of the logarithm as published */
static int draw(nn *c, float *z, const tensor *log_var, const philox *sample, size_t n, err *e)
{
	float *v;
	int code = mem_zero(&v, n, sizeof *v, "latent", e);
	if (code)
		return code;
	nn_to_field(c, log_var, v);
	for (size_t i = 0; i < n; i++)
		z[i] = (float)((double)z[i] + exp(.5 * fmin(fmax((double)v[i], -30), 20)) * philox_normal(*sample, i));
	free(v);
	return 0;
}

/* One pass in context c; in and out may be NULL while planning. */
static int run(const coder *k, nn *c, bool decode, const int64_t from[4], float *out, const float *in, const philox *sample, err *e)
{
	const ae_config *a = &k->w.config.autoencoder;
	tensor *log_var = NULL, *t = nn_from_field(c, shape_of(from), in);
	tensor *r =
		decode ? autoencoder_decode(c, a, &k->w.params, t) : autoencoder_encode(c, a, &k->w.params, t, sample ? &log_var : NULL);
	nn_drop(c, t);
	int code = weights_error(&k->w, c, e);
	if (!code)
		nn_to_field(c, r, out);
	if (!code && sample)
		code = draw(c, out, log_var, sample, shape_count(r->s), e);
	nn_drop(c, log_var);
	nn_drop(c, r);
	return code;
}

int coder_encode(coder *k, float *z, const float *x, const philox *sample, err *e) { return run(k, k->c, false, k->x, z, x, sample, e); }

int coder_decode(coder *k, float *x, const float *z, err *e) { return run(k, k->c, true, k->z, x, z, NULL, e); }

/* What coder_plan counts, and what it measures: a volume of at most 4 latent voxels an axis. */
typedef struct planned {
	const coder *k;
	bool decode;
} planned;

static int run_whole(void *of, nn *c, err *e)
{
	const planned *p = of;
	return run(p->k, c, p->decode, p->decode ? p->k->z : p->k->x, NULL, NULL, NULL, e);
}

static int run_small(void *of, nn *c, err *e)
{
	const planned *p = of;
	const coder *k = p->k;
	int64_t from[4];
	float *in = NULL, *out = NULL;
	from[0] = p->decode ? k->z[0] : k->x[0];
	for (int i = 1; i < 4; i++) {
		int64_t least = k->z[i] < 4 ? k->z[i] : 4;
		from[i] = p->decode ? least : least * (k->x[i] / k->z[i]);
	}
	int code = mem_zero(&in, count(p->decode ? k->z : k->x), sizeof *in, "plan", e);
	if (!code)
		code = mem_zero(&out, count(p->decode ? k->x : k->z), sizeof *out, "plan", e);
	if (!code)
		code = run(k, c, p->decode, from, out, in, NULL, e);
	free(in);
	free(out);
	return code;
}

int coder_plan(model_cost *out, coder *k, bool decode, err *e)
{
	planned p = { k, decode };
	return model_plan(out, &k->w, k->c, run_whole, run_small, &p, e);
}
