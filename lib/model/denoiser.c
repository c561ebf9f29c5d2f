#include "model/denoiser.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/find.h"
#include "model/unet.h"

static const char *const SHIFT = "shift_unet", *const PLAIN = "unet";

/* The weights of the one or the other kind. When there is neither, the message names the first. */
static int find(char **path, const char *model, err *e)
{
	err other;
	int code = model_find(path, model, SHIFT, e);
	return code == ERR_NOINPUT && !model_find(path, model, PLAIN, &other) ? 0 : code;
}

/* Everything the configuration asks for is there, before anything runs. */
static int check(denoiser *d, err *e)
{
	bool shift = !strcmp(d->w.kind, SHIFT);
	param_table table = { 0 };
	if (!shift && strcmp(d->w.kind, PLAIN))
		return err_set(e, ERR_CONFIG, "holds a model of kind %.60s, not %s or %s", d->w.kind, SHIFT, PLAIN);
	int code = unet_table(&d->w.config, shift, &table, e);
	if (!code)
		code = table_check(&table, &d->w.params, e);
	table_free(&table);
	if (!code)
		code = scaling_of(&d->scaling, &d->w.config, &d->w.params, e);
	if (!code)
		code = prior_new(&d->prior, &d->w.config, &d->w.params, e);
	d->y = shift ? d->w.config.latent_dim : 0;
	return code;
}

int denoiser_open(denoiser *d, const char *model, enum nn_math math, int threads, err *e)
{
	char *path = NULL;
	*d = (denoiser){ .c = nn_new(NN_INFER, math, threads), .batch = 1 };
	if (!d->c)
		return err_set(e, ERR_OS, "no memory for the network");
	nn_reuse_weights(d->c, true);
	int code = find(&path, model, e);
	if (!code)
		code = weights_map(&d->w, path, NULL, e);
	if (!code && (code = check(d, e)))
		err_prefix(e, "%s", path);
	free(path);
	if (code)
		return code;
	const model_config *m = &d->w.config;
	int n[3], f = ae_factor(&m->autoencoder);
	for (int i = 0; i < 3; i++)
		n[i] = m->volume[i] / f;
	return denoiser_shape(d, n, e);
}

int denoiser_shape(denoiser *d, const int n[3], err *e)
{
	int f = unet_factor(&d->w.config.unet);
	if (n[0] < 1 || n[1] < f || n[2] < f || n[1] % f || n[2] % f)
		return err_set(e, ERR_CONFIG, "latents of %dx%dx%d cannot be divided by 1x%dx%d", n[0], n[1], n[2], f, f);
	for (int i = 0; i < 3; i++)
		if (d->scaling.mean && n[i] != d->w.config.volume[i] / ae_factor(&d->w.config.autoencoder))
			return err_set(e, ERR_CONFIG, "latents of %dx%dx%d: the model knows the latents' mean on its own grid alone", n[0],
				       n[1], n[2]);
	d->x[0] = d->w.config.unet.in_channels;
	for (int i = 0; i < 3; i++)
		d->x[i + 1] = n[i];
	return 0;
}

void denoiser_close(denoiser *d)
{
	nn_free(d->c);
	gaussian_free(d->prior);
	weights_close(&d->w);
	d->c = NULL;
	d->prior = NULL;
}

/* One pass on latents of shape s in context c; all arrays may be NULL while planning, then `wants_g` tells whether G is computed. */
static int run(const denoiser *d, nn *c, shape s, float *eps, float *g, const float *x, double t, const float *y, bool wants_g, err *e)
{
	double *times;
	int code = mem_zero(&times, (size_t)s.b, sizeof *times, "times", e);
	if (code)
		return code;
	for (int i = 0; i < s.b; i++)
		times[i] = t;
	tensor *gradient = NULL;
	unet_call call = { .x = nn_from_field(c, s, x), .t = times, .prior = d->prior };
	if (wants_g)
		call.y = nn_from_field(c, (shape){ s.b, 1, 1, 1, (int)d->y }, y);
	tensor *epsilon = unet_predict(c, &d->w.config, &d->w.params, &call, &gradient);
	nn_drop(c, call.x);
	nn_drop(c, call.y);
	free(times);
	code = weights_error(&d->w, c, e);
	if (!code) {
		nn_to_field(c, epsilon, eps);
		nn_to_field(c, gradient, g);
	}
	nn_drop(c, epsilon);
	nn_drop(c, gradient);
	return code;
}

static shape latents(const denoiser *d) { return (shape){ d->batch, (int)d->x[1], (int)d->x[2], (int)d->x[3], (int)d->x[0] }; }

int denoiser_eps(denoiser *d, float *eps, float *g, const float *x, double t, const float *y, err *e)
{
	if (g && (!y || !d->y))
		return err_set(e, ERR_BUG, "a semantic gradient without %s", y ? "a branch that computes it" : "a semantic code");
	return run(d, d->c, latents(d), eps, g, x, t, y, g != NULL, e);
}

typedef struct planned {
	const denoiser *d;
	bool g;
} planned;

static int run_whole(void *of, nn *c, err *e)
{
	const planned *p = of;
	return run(p->d, c, latents(p->d), NULL, NULL, NULL, 0, NULL, p->g, e);
}

/* Half of the planes of one latent: the levels keep their shapes. Weights are as dear as in the whole, so that time is overestimated by
 * their share of it; fewer planes would count them more often still. */
static int run_part(void *of, nn *c, err *e)
{
	const planned *p = of;
	shape s = latents(p->d);
	s.b = 1;
	s.x = (s.x + 1) / 2;
	size_t n = shape_count(s), ny = (size_t)(p->d->y ? p->d->y : 1);
	float *in = NULL;
	int code = mem_zero(&in, 3 * n + ny, sizeof *in, "plan", e);
	if (!code)
		code = run(p->d, c, s, in + n, in + 2 * n, in, 0, in + 3 * n, p->g, e);
	free(in);
	return code;
}

int denoiser_plan(model_cost *out, denoiser *d, bool g, err *e)
{
	planned p = { d, g };
	if (g && !d->y)
		return err_set(e, ERR_BUG, "a semantic gradient without a branch that computes it");
	return model_plan(out, &d->w, d->c, run_whole, run_part, &p, e);
}
