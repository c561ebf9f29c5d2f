# Variables on a pipeline's command line that it does not have are refused, with the nearest that it has.
. tests/lib.sh
said() { make -s -f "pipelines/$1.mk" OUT="$T/made" "${@:2}" 2>&1 | sed -n 's/^[^*]*\*\*\* //p'; }
while read -r pipeline variable nearest; do
	is "$pipeline $variable" "$(said "$pipeline" "$variable")" "$pipeline: ${variable%%=*}=: no such variable; is $nearest= meant?.  Stop."
done <<- E2
	reconstruct STEP=5 STEPS
	reconstruct BDIS=study BIDS
	reconstruct subjects=01 SUBJECTS
	reconstruct MODLE=x MODEL
	reconstruct OUTDIR=x OUT
	generate COUNTS=3 COUNT
	prepare LEAST-DICE=.9 LEAST_DICE
	prepare EXTRACT_=x EXTRACT
	probe TRAGET=age TARGET
	manipulate ENCOD=x ENCODE
	interpolate MONTHS=12 MONTH
	train VALIDATON=x VALIDATION
	evaluate FOLD=3 FOLDS
	demo SCANS=x SCAN
E2
is 'one that nothing is like' "$(said demo XYZZY=1)" 'demo: XYZZY=: no such variable; there are MODEL OUT SCAN WAY.  Stop.'
is 'one of another pipeline' "$(make -s -f pipelines/generate.mk help MONTH=3 NATIVE=1 2>&1 > "$T/out" | sed 's/^[^ ]* //')" \
	'generate: MONTH= NATIVE=: read by other pipelines, not by this one'
like 'one of another pipeline: it goes on' "$(cat "$T/out")" 'Synthetic brains'
is 'own ones: nothing is said' "$(make -s -f pipelines/generate.mk help STEPS=3 SAMPLE=x JOBS=1 2>&1 > "$T/out")" ''
is 'a name with a quote' "$(said demo "a'b=1" | cut -d ';' -f 1)" "demo: a'b=: no such variable"
expect_exit 2 'through the top' make -s reconstruct STEP=5 BIDS=none OUT="$T/made"
like 'through the top: said' "$(cat "$T/err")" 'reconstruct: STEP=: no such variable; is STEPS= meant\?'
is 'nothing is made' "$(ls -d "$T/made" 2> /dev/null)" ''
for p in reconstruct prepare generate; do
	expect_exit 0 "$p: the usual ones" make -s -f "pipelines/$p.mk" help V=1 BUILD=build CC=gcc prefix=/usr DESTDIR=x OMP_NUM_THREADS=1 PLAN=true ARRAY=5
done
finish
