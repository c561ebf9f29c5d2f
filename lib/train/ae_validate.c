#include "train/ae_validate.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/autoencoder.h"
#include "train/picture.h"
#include "train/stop.h"
#include "volume/score.h"

/* The averages at work: scan -> mean and variance of the posterior -> reconstruction of the mean. */
typedef struct look {
	const model_config *m;
	objective o;
	layer *x, *mean, *log_var, *recon;
	float *z, *log_z; /* scratch: of one latent */
} look;

static void describe(void *of, objective *o)
{
	look *k = of;
	const int *n = k->m->volume;
	k->x = graph_input(o->g, (shape){ 1, n[0], n[1], n[2], 1 });
	k->mean = graph_keep(autoencoder_encode(o->g, &k->m->autoencoder, k->x, &k->log_var));
	graph_keep(k->log_var);
	k->recon = graph_keep(autoencoder_decode(o->g, &k->m->autoencoder, k->mean));
}

static int look_open(look *k, training *t, err *e)
{
	*k = (look){ .m = &t->config };
	int code = training_look(t, &k->o, describe, k, e);
	if (!code)
		code = mem_zero(&k->z, shape_count(graph_shape(k->mean)), sizeof *k->z, "latent", e);
	return code ? code : mem_zero(&k->log_z, shape_count(graph_shape(k->mean)), sizeof *k->log_z, "latent", e);
}

static void look_close(look *k)
{
	objective_close(&k->o);
	free(k->z);
	free(k->log_z);
}

static int reconstruct(look *k, const float *x, float *out, err *e)
{
	graph_write(k->o.g, k->x, x);
	const int code = graph_forward(k->o.g, e);
	if (!code)
		graph_read(k->o.g, k->recon, out);
	return code;
}

/* What latents are like: numbers, their sum, their squares' sum, and that of the posterior's variances. */
typedef struct latent_sums {
	double n, sum, squares, variances;
} latent_sums;

static void see_latent(latent_sums *s, const look *k)
{
	const size_t n = shape_count(graph_shape(k->mean));
	graph_read(k->o.g, k->mean, k->z);
	graph_read(k->o.g, k->log_var, k->log_z);
	for (size_t i = 0; i < n; i++) {
		const double v = (double)k->z[i];
		s->n += 1;
		s->sum += v;
		s->squares += v * v;
		s->variances += exp(fmin((double)k->log_z[i], 20));
	}
}

static double mean_absolute(const float *a, const float *b, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += fabs((double)a[i] - (double)b[i]);
	return sum / (double)n;
}

/* Adds one scan's scores; *with_brain counts those that have any brain. */
static int judge(double *scores, size_t *with_brain, const dataset *d, const float *x, const float *out, err *e)
{
	ssim_result window11 = { 0 }, window3 = { 0 };
	int code = score_ssim(&window11, x, out, NULL, d->n, 11, 1, e);
	if (!code)
		code = score_ssim(&window3, x, out, NULL, d->n, 3, 1, e);
	scores[AE_SCORE_L1] += mean_absolute(x, out, d->voxels);
	scores[AE_SCORE_MSE] += score_mse(x, out, NULL, d->voxels);
	scores[AE_SCORE_WHOLE] += window3.whole;
	if (!isnan(window11.brain)) {
		scores[AE_SCORE_BRAIN] += window11.brain;
		++*with_brain;
	}
	return code;
}

static void finish(double *scores, size_t n, size_t with_brain, const latent_sums *s)
{
	const double mean = s->sum / s->n, variance = s->squares / s->n - mean * mean, noise = s->variances / s->n;
	scores[AE_SCORE_L1] /= (double)n;
	scores[AE_SCORE_MSE] /= (double)n;
	scores[AE_SCORE_WHOLE] /= (double)n;
	scores[AE_SCORE_BRAIN] /= (double)with_brain;
	scores[AE_SCORE_SD] = sqrt(variance);
	scores[AE_SCORE_NOISE] = noise / (noise + variance);
}

int ae_validate(training *t, const validation *v, double scores[TRAIN_COLUMNS], double *score, err *e)
{
	latent_sums sums = { 0 };
	size_t with_brain = 0;
	float *out = NULL, *first = NULL;
	look k;
	int code = look_open(&k, t, e);
	if (!code)
		code = mem_zero(&out, 2 * v->data->voxels, sizeof *out, "reconstructions", e);
	first = code ? NULL : out + v->data->voxels;
	for (int i = 0; i < TRAIN_COLUMNS; i++)
		scores[i] = 0;
	for (size_t i = 0; !code && i < v->n && !stop_asked(); i++) {
		const float *x = v->data->scans[v->which[i]].x;
		float *to = i ? out : first;
		code = reconstruct(&k, x, to, e);
		if (!code)
			code = judge(scores, &with_brain, v->data, x, to, e);
		if (!code)
			see_latent(&sums, &k);
	}
	look_close(&k);
	finish(scores, v->n, with_brain, &sums);
	*score = scores[AE_SCORE_BRAIN];
	if (!code && !stop_asked()) {
		const dataset_scan *scan = &v->data->scans[v->which[0]];
		code = train_picture(v->folder, t->state.step, v->how, (const float *const[]){ scan->x, first },
				     (const char *const[]){ scan->id, "reconstruction" }, 2, true, e);
	}
	free(out);
	return code;
}
