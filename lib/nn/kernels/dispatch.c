#include <stdlib.h>
#include <string.h>

#include "nn/kernels/axis.h"
#include "nn/kernels/kernels.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

extern const kernels kernels_v2, kernels_v3, kernels_v4;
extern const factor_kernels factor_amx;
extern const axis_kernels axis_amx;
extern gemm_kernel gemm_amx;

static bool can(const char *level)
{
	__builtin_cpu_init();
	bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
	bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
		  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
	return !strcmp(level, "x86-64-v4") ? v4 : !strcmp(level, "x86-64-v3") ? v3 : true;
}

/* Matrix instructions: the processor has them, and the system lets this process use their registers. */
static bool can_amx(void)
{
	enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 }; /* arch_prctl(2), Linux 5.16 and later */
	enum { AMX_BF16 = 1 << 22 }; /* of cpuid's leaf 7, for which clang 14 has no name */
	unsigned a, b, c, d;
	return can("x86-64-v4") && __get_cpuid_count(7, 0, &a, &b, &c, &d) && d & AMX_BF16 &&
	       !syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA);
}

static const kernels *chosen;

/* Before main, while there is no other thread: whoever asks later, and in whatever loop, reads what never changes again. */
__attribute__((constructor)) static void choose(void)
{
	static kernels amx;
	const char *limit = getenv("LATPIPE_ARCH");
	bool upto_v2 = limit && !strcmp(limit, "x86-64-v2"), upto_v3 = limit && !strcmp(limit, "x86-64-v3");
	if (!limit && can_amx()) {
		amx = kernels_v4;
		amx.level = "amx";
		amx.squares = &factor_amx;
		amx.axis = &axis_amx;
		amx.gemm = gemm_amx;
		chosen = &amx;
	} else if (!upto_v2 && !upto_v3 && can("x86-64-v4"))
		chosen = &kernels_v4;
	else if (!upto_v2 && can("x86-64-v3"))
		chosen = &kernels_v3;
	else
		chosen = &kernels_v2;
}

const kernels *nn_kernels(void) { return chosen; }
#else
extern const kernels kernels_base;
const kernels *nn_kernels(void) { return &kernels_base; }
#endif
