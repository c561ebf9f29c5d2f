#include "model/layer.h"

#include <stdio.h>

#include "nn/norm.h"

const char *layer_under(char name[LAYER_NAME], const char *at, const char *leaf)
{
	snprintf(name, LAYER_NAME, "%s.%s", at, leaf);
	return name;
}

/* A parameter that is about to be read for the first time: what lies in a large mapped file is looked at now, and not at the start. */
static param *checked(nn *c, param *w)
{
	err e = { 0 };
	if (w && !nn_planning(c) && param_check(w, nn_threads(c), &e))
		return nn_fail(c, e.code, "%s", e.text);
	return w;
}

param *layer_param(nn *c, const params *p, const char *at, const char *leaf)
{
	char name[LAYER_NAME];
	param *w = params_find(p, layer_under(name, at, leaf));
	return w ? checked(c, w) : nn_fail(c, ERR_CONFIG, "%s: missing among the weights", name);
}

tensor *layer_conv(nn *c, const params *p, const char *at, tensor *x, conv_spec s)
{
	char bias[LAYER_NAME];
	s.weight = layer_param(c, p, at, "weight");
	s.bias = checked(c, params_find(p, layer_under(bias, at, "bias")));
	if (s.weight)
		return nn_conv(c, x, &s);
	nn_drop(c, s.add);
	if (s.takes_x)
		nn_drop(c, x);
	return NULL;
}

tensor *layer_group_norm(nn *c, const params *p, const char *at, tensor *x, int groups, double eps)
{
	param *gamma = layer_param(c, p, at, "weight"), *beta = layer_param(c, p, at, "bias");
	return gamma && beta ? nn_group_norm(c, x, gamma, beta, groups, eps) : NULL;
}
