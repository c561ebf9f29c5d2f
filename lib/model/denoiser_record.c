#include "model/denoiser_record.h"

#include "model/record.h"

static size_t count(const denoiser *d) { return (size_t)(d->x[0] * d->x[1] * d->x[2] * d->x[3]); }

static int check_scale(const denoiser *d, const lat_tensor *t, err *e)
{
	const json_t *theirs = json_object_get(t->meta, "scale_factor");
	if (!json_is_number(theirs) || json_number_value(theirs) == d->scaling.scale)
		return 0;
	return err_set(e, ERR_DATA, "%s was scaled by %g, the model's latents are by %g; --any-model takes it all the same", t->name,
		       json_number_value(theirs), d->scaling.scale);
}

int denoiser_take_latent(float *x, const denoiser *d, lat_record *r, bool any, err *e)
{
	const maker autoencoder = weights_works_with(&d->net.w, "autoencoder");
	int code = record_floats(x, r, "z", 4, d->x, any ? NULL : &autoencoder, e);
	for (size_t i = 0; i < count(d) && !code; i++)
		x[i] = (float)scaling_apply(&d->scaling, (double)x[i], i);
	return code;
}

int denoiser_take_noise(float *x, const denoiser *d, lat_record *r, bool any, err *e)
{
	const maker ours = weights_maker(&d->net.w);
	int code = record_floats(x, r, "zT", 4, d->x, any ? NULL : &ours, e);
	return code || any ? code : check_scale(d, lat_find(r, "zT"), e);
}

int denoiser_take_code(float *y, const denoiser *d, lat_record *r, bool any, err *e)
{
	if (!lat_find(r, "y"))
		return err_set(e, ERR_DATA, "no tensor y, which steers this model: sem-encode makes one, --no-y goes without");
	const maker semantic = weights_works_with(&d->net.w, "semantic");
	return record_floats(y, r, "y", 1, &d->y, any ? NULL : &semantic, e);
}

/* x as tensor NAME; *t: the tensor. */
static int give(lat_record *r, const char *name, const denoiser *d, const float *x, lat_tensor **t, err *e)
{
	return lat_set_floats(r, name, DTYPE_F32, 4, d->x, x, t, e);
}

int denoiser_give_latent(lat_record *r, const denoiser *d, float *x, err *e)
{
	const maker autoencoder = weights_works_with(&d->net.w, "autoencoder");
	lat_tensor *t;
	for (size_t i = 0; i < count(d); i++)
		x[i] = (float)scaling_undo(&d->scaling, (double)x[i], i);
	lat_drop(r, "x");
	int code = give(r, "z", d, x, &t, e);
	return code ? code : maker_put(t, &autoencoder, e);
}

int denoiser_give_noise(lat_record *r, const denoiser *d, const float *x, err *e)
{
	const maker ours = weights_maker(&d->net.w);
	lat_tensor *t;
	int code = give(r, "zT", d, x, &t, e);
	if (code)
		return code;
	if (json_object_set_new(t->meta, "scale_factor", json_real(d->scaling.scale)))
		return err_set(e, ERR_OS, "no memory for the header");
	return maker_put(t, &ours, e);
}
