# All that computes, with each kernel set that OpenBLAS and we can be made to take here: a table of passed and failed tests. TESTS='...':
# others, such as all of `make check`.
. tests/lib.sh
. tests/kernels.sh

tests=${TESTS:-$(for source in tests/unit/test_{nn_*,unet,prior,autoencoder,semantic,encoder,coder,train,latent,probe,baseline,diffusion}.c; do
	echo "$BUILD/${source%.c}"
done) $(echo tests/cli/{lat-denoise,sem-encode,coder,network,linprobe,train-ae,train-ldm,train-sem}.sh)}
own=$(own_kernels)
table=$T/table
printf '%-14s' 'OPENBLAS_CORETYPE \ LATPIPE_ARCH' none $own > "$table"
echo >> "$table"
for blas in none $(blas_kernels); do
	printf '%-32s' "$blas" >> "$table"
	for arch in none $own; do
		# shellcheck disable=SC2086
		last=$(
			unset OPENBLAS_CORETYPE LATPIPE_ARCH
			[ $blas = none ] || export OPENBLAS_CORETYPE=$blas
			[ $arch = none ] || export LATPIPE_ARCH=$arch
			tests/run -j 2 -t 3600 -l "$T/logs" -b "$BUILD" $tests > "$T/log" 2>&1
			tail -n 1 "$T/log"
		)
		case $last in
		*' passed, 0 failed') ok "OpenBLAS $blas, own $arch: $last" ;;
		*) not_ok "OpenBLAS $blas, own $arch: $last" "$(grep -A 3 'not ok' "$T/log")" ;;
		esac
		printf '%-14s' "$(sed -E 's/ passed, / + /; s/ failed/ -/' <<< "$last")" >> "$table"
	done
	echo >> "$table"
done
sed 's/^/# /' "$table"
finish
