#!/bin/bash
# Networks under valgrind: memory comes from a pool, unset, and is used again, so that only valgrind sees what is read before it is
# written. (Kernels for x86-64-v3: valgrind knows no AVX-512.)
. tests/lib.sh
if ! command -v valgrind > /dev/null; then
	skip 'networks under valgrind' 'not installed'
	finish
fi
export LATPIPE_ARCH=x86-64-v3 OMP_NUM_THREADS=2 CMOCKA_MESSAGE_OUTPUT=STDOUT
for t in 'conv test_chosen' 'gradients test_conv' 'gradients test_*norm*' 'gradients test_clamp' \
	'convnext test_depthwise' 'convnext test_convnext' 'convnext test_slices'; do
	read -r program filter <<< "$t"
	holds "$program: $filter" valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
		"$BUILD/tests/unit/test_nn_$program" "$filter"
done
finish
