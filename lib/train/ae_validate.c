#include "train/ae_validate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/autoencoder.h"
#include "train/picture.h"
#include "train/stop.h"
#include "volume/score.h"

int ae_reconstruct(ae_train *t, const float *x, float *out, double sums[4], err *e)
{
	nn *c = t->c;
	const int *n = t->config.volume;
	const ae_config *a = &t->config.autoencoder;
	nn_record(c, false);
	tensor *in = nn_from_field(c, (shape){ 1, n[0], n[1], n[2], 1 }, x), *log_var = NULL;
	tensor *mean = autoencoder_encode(c, a, &t->ema, in, sums ? &log_var : NULL);
	nn_drop(c, in);
	tensor *recon = autoencoder_decode(c, a, &t->ema, mean);
	nn_to_field(c, recon, out);
	for (size_t i = 0; sums && mean && log_var && i < shape_count(mean->s); i++) {
		double m = (double)mean->v[i];
		sums[0] += 1;
		sums[1] += m;
		sums[2] += m * m;
		sums[3] += exp(fmin((double)log_var->v[i], 20));
	}
	nn_drop(c, log_var);
	nn_drop(c, mean);
	nn_drop(c, recon);
	nn_record(c, true);
	return nn_error(c, e);
}

static double mean_absolute(const float *a, const float *b, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += fabs((double)a[i] - (double)b[i]);
	return sum / (double)n;
}

int ae_validate(ae_train *t, const dataset *d, const size_t *which, size_t n, ae_scores *s, err *e)
{
	double latent[4] = { 0 };
	float *out = NULL;
	ae_scores sum = { 0 };
	size_t with_brain = 0;
	int code = mem_zero(&out, d->voxels, sizeof *out, "reconstruction", e);
	for (size_t i = 0; !code && i < n && !stop_asked(); i++) {
		const float *x = d->scans[which[i]].x;
		ssim_result window11 = { 0 }, window3 = { 0 };
		code = ae_reconstruct(t, x, out, latent, e);
		if (!code)
			code = score_ssim(&window11, x, out, NULL, d->n, 11, 1, e);
		if (!code)
			code = score_ssim(&window3, x, out, NULL, d->n, 3, 1, e);
		sum.l1 += mean_absolute(x, out, d->voxels);
		sum.mse += score_mse(x, out, NULL, d->voxels);
		sum.whole += window3.whole;
		if (!isnan(window11.brain)) {
			sum.brain += window11.brain;
			with_brain++;
		}
	}
	free(out);
	double count = (double)n, mean = latent[1] / latent[0], variance = latent[2] / latent[0] - mean * mean,
	       noise = latent[3] / latent[0];
	*s = (ae_scores){ .l1 = sum.l1 / count,
			  .mse = sum.mse / count,
			  .whole = sum.whole / count,
			  .brain = sum.brain / (double)with_brain,
			  .latent_sd = sqrt(variance),
			  .noise_share = noise / (noise + variance) };
	return code;
}

int ae_show(ae_train *t, const dataset_scan *scan, const preparation *p, const char *folder, err *e)
{
	float *recon = NULL;
	int code = mem_zero(&recon, volume_count(p->n), sizeof *recon, "reconstruction", e);
	if (!code)
		code = ae_reconstruct(t, scan->x, recon, NULL, e);
	if (!code)
		code = train_picture(folder, t->state.step, p, (const float *const[]){ scan->x, recon },
				     (const char *const[]){ scan->id, "reconstruction" }, 2, true, e);
	free(recon);
	return code;
}
