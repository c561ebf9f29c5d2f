#include "model/conventions.h"

#include <math.h>
#include <string.h>

static json_t *of_unet(const model_config *c)
{
	const diffusion_config *d = &c->diffusion;
	return json_pack("{s:i, s:i, s:i, s:s, s:f, s:o, s:s, s:b, s:i, s:b, s:b}", "unet.groups", c->unet.groups, "unet.heads",
			 c->unet.heads, "diffusion.timesteps", d->timesteps, "diffusion.schedule",
			 d->schedule == SCHEDULE_COSINE ? "cosine" : "linear", "diffusion.scale_factor", d->scale_factor,
			 "diffusion.clip", isinf(d->clip) ? json_null() : json_real(d->clip), "diffusion.shift",
			 d->shift == SHIFT_NOISE ? "noise" : "published", "diffusion.standardised", d->standardised,
			 "diffusion.components", d->components, "diffusion.places", d->places, "diffusion.shift_places",
			 d->shift_places);
}

json_t *conventions_of(const model_config *c, const char *kind)
{
	static const char *const planes[] = { [PLANE_AXIAL] = "axial", [PLANE_CORONAL] = "coronal", [PLANE_SAGITTAL] = "sagittal" };
	if (!strcmp(kind, "autoencoder"))
		return json_pack("{s:i, s:i, s:b}", "autoencoder.groups", c->autoencoder.groups, "autoencoder.patch", c->autoencoder.patch,
				 "autoencoder.anchored", c->autoencoder.anchored);
	if (!strcmp(kind, "semantic"))
		return json_pack("{s:i, s:s, s:[i,i,i]}", "semantic.heads", c->semantic.heads, "semantic.plane", planes[c->semantic.plane],
				 "semantic.coarse", c->semantic.coarse[0], c->semantic.coarse[1], c->semantic.coarse[2]);
	return strstr(kind, "unet") ? of_unet(c) : json_object();
}
