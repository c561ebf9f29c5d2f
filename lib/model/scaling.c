#include "model/scaling.h"

int scaling_of(scaling *s, const model_config *m, const params *p, err *e)
{
	*s = (scaling){ .scale = m->diffusion.scale_factor };
	if (!m->diffusion.standardised)
		return 0;
	param *mean = params_find(p, SCALING_MEAN), *sd = params_find(p, SCALING_SD);
	int code = param_check(mean, 1, e);
	if (!code)
		code = param_check(sd, 1, e);
	if (code)
		return code;
	for (size_t i = 0; i < sd->count; i++)
		if (!(sd->v[i] > 0))
			return err_set(e, ERR_CONFIG, SCALING_SD ": number %zu is %g, no standard deviation", i, (double)sd->v[i]);
	s->mean = mean->v;
	s->sd = sd->v;
	return 0;
}
