#include "model/coder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/autoencoder.h"

enum { NOTHING, ENCODING, DRAWING, DECODING };

static int table(const weights *w, param_table *t, err *e) { return autoencoder_table(&w->config.autoencoder, t, e); }

int coder_open(coder *k, const char *model, enum nn_math math, int threads, err *e)
{
	static const char *const kinds[] = { "autoencoder", NULL };
	*k = (coder){ 0 };
	int code = network_open(
		&k->net,
		&(network_options){ .model = model, .kinds = kinds, .table = table, .use = GRAPH_ONCE, .math = math, .threads = threads },
		e);
	return code ? code : coder_shape(k, k->net.w.config.volume, e);
}

int coder_shape(coder *k, const int n[3], err *e)
{
	const ae_config *a = &k->net.w.config.autoencoder;
	const int f = ae_factor(a);
	k->runs = NOTHING;
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

void coder_close(coder *k) { network_close(&k->net); }

static shape shape_of(const int64_t n[4]) { return (shape){ 1, (int)n[1], (int)n[2], (int)n[3], (int)n[0] }; }

static void describe_encoding(void *of, graph *g)
{
	coder *k = of;
	k->in = graph_input(g, shape_of(k->x));
	k->out = graph_keep(autoencoder_encode(g, &k->net.w.config.autoencoder, k->in, NULL));
}

static void describe_drawing(void *of, graph *g)
{
	coder *k = of;
	k->in = graph_input(g, shape_of(k->x));
	k->out = graph_keep(autoencoder_encode(g, &k->net.w.config.autoencoder, k->in, &k->log_var));
	graph_keep(k->log_var);
}

static void describe_decoding(void *of, graph *g)
{
	coder *k = of;
	k->in = graph_input(g, shape_of(k->z));
	k->out = graph_keep(autoencoder_decode(g, &k->net.w.config.autoencoder, k->in));
}

/* One run of this sort, from `in` to `out`. */
static int run(coder *k, int sort, float *out, const float *in, err *e)
{
	static network_description *const describe[] = { NULL, describe_encoding, describe_drawing, describe_decoding };
	int code = k->runs == sort ? 0 : network_describe(&k->net, describe[sort], k, e);
	k->runs = code ? NOTHING : sort;
	if (code)
		return code;
	graph_write(k->net.g, k->in, in);
	code = network_run(&k->net, e);
	if (!code)
		graph_read(k->net.g, k->out, out);
	return code;
}

/* z = mean + exp(log variance / 2) * noise, the bounds of the logarithm as published */
static int draw(const coder *k, float *z, const philox *sample, err *e)
{
	const size_t n = shape_count(graph_shape(k->log_var));
	float *v;
	int code = mem_zero(&v, n, sizeof *v, "latent", e);
	if (code)
		return code;
	graph_read(k->net.g, k->log_var, v);
	for (size_t i = 0; i < n; i++)
		z[i] = (float)((double)z[i] + exp(.5 * fmin(fmax((double)v[i], -30), 20)) * philox_normal(*sample, i));
	free(v);
	return 0;
}

int coder_encode(coder *k, float *z, const float *x, const philox *sample, err *e)
{
	int code = run(k, sample ? DRAWING : ENCODING, z, x, e);
	return !code && sample ? draw(k, z, sample, e) : code;
}

int coder_decode(coder *k, float *x, const float *z, err *e) { return run(k, DECODING, x, z, e); }

/* A part has at most 4 latent voxels an axis. */
static coder part_of(const coder *k)
{
	coder part = *k;
	for (int i = 1; i < 4; i++) {
		part.z[i] = k->z[i] < 4 ? k->z[i] : 4;
		part.x[i] = part.z[i] * (k->x[i] / k->z[i]);
	}
	return part;
}

static void describe_encoding_part(void *of, graph *g)
{
	coder part = part_of(of);
	describe_encoding(&part, g);
}

static void describe_decoding_part(void *of, graph *g)
{
	coder part = part_of(of);
	describe_decoding(&part, g);
}

int coder_plan(model_cost *out, const coder *k, bool decode, err *e)
{
	coder copy = *k; /* whose graph stays as it is */
	return network_plan(out, &k->net, decode ? describe_decoding : describe_encoding,
			    decode ? describe_decoding_part : describe_encoding_part, &copy, e);
}

int coder_report(report *out, const coder *k, bool decode, err *e)
{
	coder copy = *k; /* whose graph stays as it is */
	return network_report(out, &k->net, decode ? describe_decoding : describe_encoding, &copy, e);
}
