#include "model/prior.h"

#include "model/schedule.h"

int prior_new(gaussian **out, const model_config *m, const params *p, err *e)
{
	*out = NULL;
	if (!m->diffusion.components)
		return 0;
	param *components = params_find(p, PRIOR_COMPONENTS), *rest = params_find(p, PRIOR_REST), *left = params_find(p, PRIOR_LEFT);
	int code = param_check(components, 1, e);
	if (!code)
		code = param_check(rest, 1, e);
	if (!code && left)
		code = param_check(left, 1, e);
	if (code)
		return code;
	for (size_t i = 0; i < rest->count; i++)
		if (!(rest->v[i] > 0))
			return err_set(e, ERR_CONFIG, PRIOR_REST ": number %zu is %g, no variance", i, (double)rest->v[i]);
	for (size_t i = 0; left && i < left->count; i++)
		if (!(left->v[i] >= 0 && left->v[i] <= 1))
			return err_set(e, ERR_CONFIG, PRIOR_LEFT ": number %zu is %g, no share", i, (double)left->v[i]);
	schedule s;
	code = schedule_new(&s, &m->diffusion, e);
	if (!code)
		code = gaussian_new(out, &(gaussian_spec){
			.s = { 1, (int)rest->n[1], (int)rest->n[2], (int)rest->n[3], (int)rest->n[0] },
			.k = m->diffusion.components,
			.components = components->v,
			.rest = rest->v,
			.left = left ? left->v : NULL,
			.levels = s.timesteps,
			.abar = s.abar,
		}, e);
	schedule_free(&s);
	return code;
}
