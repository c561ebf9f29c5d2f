# For the tests of kernels: what this processor can be made to compute with.
has() { local f; for f; do grep -qwm1 "$f" /proc/cpuinfo || return; done; }
avx512='avx512f avx512bw avx512cd avx512dq avx512vl'

# Names for OPENBLAS_CORETYPE, one a line. Each has products of its own (Zen has Haswell's) and is taken by default on some processor.
blas_kernels() {
	[ "$(uname -m)" = x86_64 ] || return 0
	echo Prescott
	! has sse4_2 || echo Nehalem
	! has avx || echo Sandybridge
	! has avx2 fma || printf '%s\n' Haswell Zen
	# shellcheck disable=SC2086
	! has $avx512 || echo SkylakeX
	# shellcheck disable=SC2086
	! has $avx512 avx512_bf16 || echo Cooperlake
}

# Values of LATPIPE_ARCH, one a line.
own_kernels() {
	[ "$(uname -m)" = x86_64 ] || return 0
	echo x86-64-v2
	! has avx2 fma bmi2 || echo x86-64-v3
	# shellcheck disable=SC2086
	! has $avx512 || echo x86-64-v4
}
