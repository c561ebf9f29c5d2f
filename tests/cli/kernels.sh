# A record's bytes depend neither on its batch nor on threads, whichever kernels OpenBLAS and we take: with the oldest, those of AVX2, and
# the processor's own. tests/long/kernels.sh has all of them.
. tests/lib.sh
. tests/kernels.sh

draw() { lat-denoise --generate 5 --noise 3 -s 1 --no-history "$@"; }
for kernels in '' $(blas_kernels | grep -xE 'Prescott|Haswell'); do
	name=${kernels:-own}
	export OPENBLAS_CORETYPE=$kernels
	holds "$name: operators" "$BUILD/tests/unit/test_nn_records"
	draw -j 1 --batch 1 > "$T/$name.lat"
	for batch in 2 5; do
		for threads in 1 2 3; do
			draw -j $threads --batch $batch > "$T/other.lat"
			holds "$name: batches of $batch, $threads threads" cmp "$T/$name.lat" "$T/other.lat"
		done
	done
	# a list's second number is for regions within regions: no product of OpenBLAS may take it
	OMP_NUM_THREADS=3,2 draw -j 1 --batch 1 > "$T/other.lat"
	holds "$name: OMP_NUM_THREADS is a list" cmp "$T/$name.lat" "$T/other.lat"
done
unset OPENBLAS_CORETYPE
if [ -s "$T/Haswell.lat" ]; then
	is 'other kernels round otherwise' "$(lat-diff "$T/Prescott.lat" "$T/Haswell.lat" > "$T/diff"; echo $?)" 1
	holds 'and are as exact' lat-diff -t 1e-3 "$T/Prescott.lat" "$T/Haswell.lat"
fi
finish
