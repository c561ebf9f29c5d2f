#include <stdlib.h>
#include <string.h>

#include "nn/kernels/kernels.h"

#ifdef __x86_64__
extern const kernels kernels_v2, kernels_v3, kernels_v4;

static bool can(const char *level)
{
	__builtin_cpu_init();
	bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
	bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
		  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
	return !strcmp(level, "x86-64-v4") ? v4 : !strcmp(level, "x86-64-v3") ? v3 : true;
}

const kernels *nn_kernels(void)
{
	static const kernels *chosen;
	if (chosen)
		return chosen;
	const char *limit = getenv("LATPIPE_ARCH");
	bool upto_v2 = limit && !strcmp(limit, "x86-64-v2"), upto_v3 = limit && !strcmp(limit, "x86-64-v3");
	if (!upto_v2 && !upto_v3 && can("x86-64-v4"))
		chosen = &kernels_v4;
	else if (!upto_v2 && can("x86-64-v3"))
		chosen = &kernels_v3;
	else
		chosen = &kernels_v2;
	return chosen;
}
#else
extern const kernels kernels_base;
const kernels *nn_kernels(void) { return &kernels_base; }
#endif
