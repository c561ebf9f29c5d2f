#include "model/denoiser.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/unet.h"

static const char *const SHIFT = "shift_unet", *const PLAIN = "unet";

static int table(const weights *w, param_table *t, err *e)
{
	const bool shift = !strcmp(w->kind, SHIFT);
	if (!shift && strcmp(w->kind, PLAIN))
		return err_set(e, ERR_CONFIG, "holds a model of kind %.60s, not %s or %s", w->kind, SHIFT, PLAIN);
	return unet_table(&w->config, shift, t, e);
}

int denoiser_open(denoiser *d, const char *model, enum nn_math math, int threads, err *e)
{
	const char *const kinds[] = { SHIFT, PLAIN, NULL };
	*d = (denoiser){ .batch = 1 };
	int code = network_open(&d->net,
				&(network_options){ .model = model,
						    .kinds = kinds,
						    .mapped = true,
						    .table = table,
						    .use = GRAPH_AGAIN,
						    .math = math,
						    .threads = threads },
				e);
	if (code)
		return code;
	const weights *w = &d->net.w;
	const int f = ae_factor(&w->config.autoencoder), *v = w->config.volume;
	d->y = strcmp(w->kind, SHIFT) ? 0 : w->config.latent_dim;
	code = scaling_of(&d->scaling, &w->config, &w->params, e);
	if (!code)
		code = prior_new(&d->prior, &w->config, &w->params, e);
	if (code)
		return err_prefix(e, "%s", w->file->path);
	return denoiser_shape(d, (const int[]){ v[0] / f, v[1] / f, v[2] / f }, e);
}

int denoiser_shape(denoiser *d, const int n[3], err *e)
{
	int f = unet_factor(&d->net.w.config.unet);
	if (n[0] < 1 || n[1] < f || n[2] < f || n[1] % f || n[2] % f)
		return err_set(e, ERR_CONFIG, "latents of %dx%dx%d cannot be divided by 1x%dx%d", n[0], n[1], n[2], f, f);
	for (int i = 0; i < 3; i++)
		if (d->scaling.mean && n[i] != d->net.w.config.volume[i] / ae_factor(&d->net.w.config.autoencoder))
			return err_set(e, ERR_CONFIG, "latents of %dx%dx%d: the model knows the latents' mean on its own grid alone", n[0],
				       n[1], n[2]);
	d->x[0] = d->net.w.config.unet.in_channels;
	for (int i = 0; i < 3; i++)
		d->x[i + 1] = n[i];
	return 0;
}

void denoiser_close(denoiser *d)
{
	network_close(&d->net);
	gaussian_free(d->prior);
	d->prior = NULL;
}

static void describe_on(denoiser *d, graph *g, int batch, int planes)
{
	const model_config *m = &d->net.w.config;
	d->in = graph_input(g, (shape){ batch, planes, (int)d->x[2], (int)d->x[3], (int)d->x[0] });
	d->time = graph_input(g, (shape){ batch, 1, 1, 1, 1 });
	d->code = d->guided ? graph_input(g, (shape){ batch, 1, 1, 1, (int)d->y }) : NULL;
	d->eps = graph_keep(unet_predict(g, m, &(unet_call){ .x = d->in, .t = d->time, .y = d->code, .prior = d->prior }, &d->shift));
	if (d->guided)
		graph_keep(d->shift);
}

static void describe(void *of, graph *g)
{
	denoiser *d = of;
	describe_on(d, g, d->batch, (int)d->x[1]);
}

/* Half of the planes of one latent: the levels keep their shapes. Weights are as dear as in the whole, so that time is overestimated by
 * their share of it; fewer planes would count them more often still. */
static void describe_part(void *of, graph *g)
{
	denoiser *d = of;
	describe_on(d, g, 1, (int)(d->x[1] + 1) / 2);
}

/* Describes the network for such a call, unless it is. */
static int get_ready(denoiser *d, bool guided, err *e)
{
	const int64_t now[5] = { d->batch, d->x[0], d->x[1], d->x[2], d->x[3] };
	if (d->guided == guided && !memcmp(d->described, now, sizeof now))
		return 0;
	d->guided = guided;
	d->described[0] = 0;
	int code = network_describe(&d->net, describe, d, e);
	if (!code)
		memcpy(d->described, now, sizeof now);
	return code;
}

int denoiser_eps(denoiser *d, float *eps, float *g, const float *x, double t, const float *y, err *e)
{
	if (g && (!y || !d->y))
		return err_set(e, ERR_BUG, "a semantic gradient without %s", y ? "a branch that computes it" : "a semantic code");
	float *times = NULL;
	int code = get_ready(d, g != NULL, e);
	if (!code)
		code = mem_zero(&times, (size_t)d->batch, sizeof *times, "times", e);
	if (code)
		return code;
	for (int i = 0; i < d->batch; i++)
		times[i] = (float)t;
	graph_write(d->net.g, d->in, x);
	graph_write(d->net.g, d->time, times);
	if (g)
		graph_write(d->net.g, d->code, y);
	free(times);
	code = network_run(&d->net, e);
	if (!code)
		graph_read(d->net.g, d->eps, eps);
	if (!code && g)
		graph_read(d->net.g, d->shift, g);
	return code;
}

/* Another denoiser for such a call, whose graph is not described. */
static int copy_for(denoiser *copy, const denoiser *d, bool g, err *e)
{
	*copy = *d;
	copy->guided = g;
	return g && !d->y ? err_set(e, ERR_BUG, "a semantic gradient without a branch that computes it") : 0;
}

int denoiser_plan(model_cost *out, const denoiser *d, bool g, err *e)
{
	denoiser copy;
	int code = copy_for(&copy, d, g, e);
	return code ? code : network_plan(out, &d->net, describe, describe_part, &copy, e);
}

int denoiser_report(report *out, const denoiser *d, bool g, err *e)
{
	denoiser copy;
	int code = copy_for(&copy, d, g, e);
	*out = (report){ 0 };
	return code ? code : network_report(out, &d->net, describe, &copy, e);
}
