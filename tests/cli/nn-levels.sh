#!/bin/bash
# Networks at every instruction-set level: what the unit tests of nn assert holds whichever kernels run.
. tests/lib.sh

if [ "$(uname -m)" != x86_64 ]; then
	skip "levels of x86-64" "another processor"
	finish
fi
for level in v2 v3 v4; do
	export LATPIPE_ARCH=x86-64-$level
	for t in nn_conv nn_gradients nn_engine nn_combine nn_attention nn_convnext nn_records autoencoder unet; do
		holds "$t with kernels for x86-64-$level" "$BUILD/tests/unit/test_$t"
	done
done
finish
