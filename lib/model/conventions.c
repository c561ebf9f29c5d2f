#include "model/conventions.h"

#include <math.h>
#include <string.h>

static json_t *of_unet(const model_config *c)
{
	const diffusion_config *d = &c->diffusion;
	return json_pack("{s:i, s:i, s:i, s:s, s:f, s:o, s:s, s:b, s:b, s:b}", "unet.groups", c->unet.groups, "unet.heads", c->unet.heads,
			 "diffusion.timesteps", d->timesteps, "diffusion.schedule", d->schedule == SCHEDULE_COSINE ? "cosine" : "linear",
			 "diffusion.scale_factor", d->scale_factor, "diffusion.clip", isinf(d->clip) ? json_null() : json_real(d->clip),
			 "diffusion.shift", d->shift == SHIFT_NOISE ? "noise" : "published", "diffusion.standardised", d->standardised,
			 "diffusion.shift_places", d->shift_places, "diffusion.places", d->places);
}

json_t *conventions_of(const model_config *c, const char *kind)
{
	static const char *const planes[] = { [PLANE_AXIAL] = "axial", [PLANE_CORONAL] = "coronal", [PLANE_SAGITTAL] = "sagittal" };
	if (!strcmp(kind, "autoencoder"))
		return json_pack("{s:i}", "autoencoder.groups", c->autoencoder.groups);
	if (!strcmp(kind, "semantic"))
		return json_pack("{s:i, s:s}", "semantic.heads", c->semantic.heads, "semantic.plane", planes[c->semantic.plane]);
	return strstr(kind, "unet") ? of_unet(c) : json_object();
}
