# lat-denoise: the golden runs of the reference through the tool; drawn noise; batches, threads and places in a stream; what it refuses.
. tests/lib.sh
export OMP_NUM_THREADS=1
make_weights=$BUILD/tests/tools/random-denoiser
mkdir "$T/shift" "$T/plain"
ae=$(printf 'ab%.0s' {1..32}) sem=$(printf 'cd%.0s' {1..32})
"$make_weights" "$T/shift/shift_unet.safetensors" tests/oracle/small.json shift_unet autoencoder="$ae" semantic="$sem"
"$make_weights" "$T/plain/unet.safetensors" tests/oracle/small.json unet
shift="-m $T/shift" plain="-m $T/plain"

# golden inputs as records a and b; latents in a record are unscaled
for i in 0 1; do
	python3 tests/golden-codes.py "$T" "z=z[$i]/.873" "n=eps[$i]" "y=y[$i]" "invert_plain=invert.plain[$i]" "invert_shift=invert.shift[$i]" \
		"invert_shift_free=invert.shift.free[$i]" "sample_plain=sample.plain[$i]/.873" "sample_free=sample.free[$i]/.873" \
		"sample_shift=sample.shift[$i]/.873" "sample_stop=sample.shift.stop[$i]/.873" "round=round.shift[$i]/.873"
	id=$([ $i = 0 ] && echo a || echo b)
	npy2lat --id $id z="$T/z.npy" y="$T/y.npy" >> "$T/clean.lat"
	npy2lat --id $id zT="$T/n.npy" y="$T/y.npy" x="$T/z.npy" >> "$T/noise.lat"
	for w in invert_plain invert_shift invert_shift_free; do npy2lat --id $id zT="$T/$w.npy" >> "$T/$w.lat"; done
	for w in sample_plain sample_free sample_shift sample_stop round; do npy2lat --id $id z="$T/$w.npy" >> "$T/$w.lat"; done
done

# golden NAME max|rms TOLERANCE INPUT OPTION...: what the tool makes of INPUT against the golden values, by the largest relative difference or by the
# rms of all; the tolerance is a few times what the reference itself strays by in single precision (tests/oracle/golden/VALUES.txt). From steps
# that clip, single numbers come far off with any other rounding (5.7e-5 in the reference, 3e-4 in ours by other compiler flags), so all count
golden() {
	local name=$1 by=$2 tolerance=$3 input=$4 tensor=z
	shift 4
	case $name in invert*) tensor=zT ;; esac
	expect_exit 0 "$name: runs" lat-denoise "$@" --solver ddim -s 4 --no-history -f -o "$T/$name.out" "$input"
	lat-diff -t 1 "$T/$name.lat" <(lat-cut -n $tensor "$T/$name.out") > "$T/diff"
	if [ $? = 0 ] && tail -n +2 "$T/diff" | awk -F '\t' -v n=$([ "$by" = max ] && echo 3 || echo 5) -v t="$tolerance" \
		'!($n <= t) { bad = 1 } END { exit bad || NR != 2 }'; then
		ok "$name: golden"
	else
		not_ok "$name: golden" "$(cat "$T/diff")"
	fi
	echo "# $name: $(tail -n +2 "$T/diff" | cut -f3,5 | tr '\t\n' ' ;')"
}
golden invert_plain max 1e-6 "$T/clean.lat" $plain --invert
golden invert_shift max 1e-6 "$T/clean.lat" $shift --invert
golden invert_shift_free max 2e-5 "$T/clean.lat" $shift --invert --clip none
golden sample_plain rms 2e-5 "$T/noise.lat" $plain
golden sample_free max 3e-6 "$T/noise.lat" $plain --clip none
golden sample_shift rms 5e-5 "$T/noise.lat" $shift
golden sample_stop rms 2e-5 "$T/noise.lat" $shift --stop .5
golden round rms 1e-4 "$T/invert_shift.out" $shift
is 'a shift U-Net without y is the U-Net' "$(lat-denoise $shift --no-y --solver ddim -s 4 "$T/noise.lat" | lat-cut -n z --no-history | lat2npy -n z -o "$T/{id}.npy" -f; sha256sum < "$T/a.npy")" \
	"$(lat-cut -n z "$T/sample_plain.out" | lat2npy -n z -o "$T/{id}.npy" -f; sha256sum < "$T/a.npy")"

# what a record holds afterwards
is 'sampling: x goes, zT and y stay' "$(lat-info "$T/sample_shift.out" | head -n 4 | cut -f3,8 | tr '\t\n' ' ;')" 'tensor model;zT -;y -;z abababababab;'
is 'inversion: z stays' "$(lat-info "$T/invert_shift.out" | head -n 4 | cut -f3 | tr '\n' ' ')" 'tensor z y zT '
like 'inversion: zT says its model and scale' "$(lat-info --json "$T/invert_shift.out" | head -n 1)" '"kind":"shift_unet".*"scale_factor":0.873'
is 'history' "$(lat-denoise $shift --invert -s 1 --solver ddim --clip none "$T/clean.lat" | lat-info --history | tail -n 1 | cut -f2,4)" \
	'lat-denoise	{"clip": "none", "invert": true, "solver": "ddim", "steps": 1}'

# the same bytes whatever else happens: threads, batches, place in the stream
lat-denoise $shift --no-history -s 3 --solver dpmpp2m --invert "$T/clean.lat" > "$T/one.lat"
for how in '-j1' '-j2 --batch 2' '--batch 5' '-j1 --batch 2'; do
	# shellcheck disable=SC2086
	lat-denoise $shift --no-history -s 3 --solver dpmpp2m --invert $how "$T/clean.lat" > "$T/two.lat"
	holds "the same bytes: $how" cmp "$T/one.lat" "$T/two.lat"
done
(lat-cut --no-history -r b "$T/clean.lat"; lat-cut --no-history -r a "$T/clean.lat") | lat-denoise $shift --no-history -s 3 --solver dpmpp2m --invert --batch 2 > "$T/two.lat"
holds 'the same numbers in another order' lat-diff "$T/one.lat" "$T/two.lat"

# --keep-going: of a batch, one whose input is bad and one whose result is no number; the others come out as they would alone
for id in c d e; do npy2lat --id $id z="$T/z.npy" y="$T/y.npy"; done > "$T/more.lat"
"$BUILD/tests/tools/poke" "$T/more.lat" "$T/odd.lat" c z 3 nan
"$BUILD/tests/tools/poke" "$T/odd.lat" "$T/odd2.lat" d z 3 3.4e38
cat "$T/clean.lat" "$T/odd2.lat" > "$T/five.lat"
lat-denoise $shift --no-history -s 3 --invert <(cat "$T/clean.lat"; lat-cut --no-history -r e "$T/more.lat") > "$T/one.lat"
for n in 1 2 3 4 5; do
	expect_exit 65 "--keep-going, batches of $n" lat-denoise $shift --no-history -s 3 --invert --batch $n --keep-going -f -o "$T/two.lat" "$T/five.lat"
	holds "--keep-going, batches of $n: the good ones" lat-diff -t 1e-6 "$T/one.lat" "$T/two.lat"
	is "--keep-going, batches of $n: the others are named" "$(sort "$T/err")" "lat-denoise: c: tensor z: element 3 is nan, no finite number (skipped)
lat-denoise: d: the result: tensor zT: element 3 is inf, no finite number (skipped)"
done
refuses 65 'a result that is no number' lat-denoise $shift -s 3 --invert --batch 3 -o "$T/no.lat" <(cat "$T/clean.lat"; lat-cut --no-history -r d "$T/odd2.lat")
is 'a result that is no number: whose' "$(cat "$T/err")" 'lat-denoise: d: the result: tensor zT: element 3 is inf, no finite number'
expect_exit 74 '--keep-going: not over a full disk' bash -c "exec lat-denoise $shift -s 1 --invert --keep-going '$T/five.lat' > /dev/full"

# one step of either solver is the same step
for way in '' --invert; do
	input=$T/$([ -n "$way" ] && echo clean || echo noise).lat
	lat-denoise $shift $way -s 1 --clip none --no-history --solver ddim "$input" > "$T/one.lat"
	lat-denoise $shift $way -s 1 --clip none --no-history --solver dpmpp2m "$input" > "$T/two.lat"
	holds "one step of either solver $way" lat-diff -t 1e-6 "$T/one.lat" "$T/two.lat"
done
expect_exit 1 'not so two steps' lat-diff <(lat-denoise $shift -s 2 --solver ddim "$T/noise.lat") <(lat-denoise $shift -s 2 --solver dpmpp2m "$T/noise.lat")
holds 'the second order unless told otherwise' lat-diff <(lat-denoise $shift -s 2 "$T/noise.lat" | lat-cut -n z) <(lat-denoise $shift -s 2 --solver dpmpp2m "$T/noise.lat" | lat-cut -n z)

# drawn noise
draw() { lat-denoise $plain -s 1 --no-history "$@"; }
draw --noise 1 "$T/noise.lat" > "$T/n1.lat"
draw --noise 1 -j1 --batch 2 <(lat-cut --no-history -r b "$T/clean.lat"; lat-cut --no-history -r a "$T/clean.lat") | lat-cut --no-history -n zT > "$T/n2.lat"
holds '--noise: a function of seed and id' lat-diff <(lat-cut -n zT "$T/n1.lat") "$T/n2.lat"
expect_exit 1 '--noise: another seed' lat-diff <(lat-cut -n zT "$T/n1.lat") <(draw --noise 2 "$T/noise.lat" | lat-cut -n zT)
is '--noise: another id' "$(lat-cut -n zT "$T/n1.lat" | lat2npy -n zT -o "$T/{id}.npy" -f; cmp -s "$T/a.npy" "$T/b.npy"; echo $?)" 1
expect_exit 0 '--count' lat-denoise $plain -s 1 --noise 1 --count 3 --no-history -o "$T/c.lat" "$T/noise.lat"
is '--count: ids' "$(lat-info "$T/c.lat" | tail -n +2 | cut -f1 | uniq | tr '\n' ' ')" 'a_var-001 a_var-002 a_var-003 b_var-001 b_var-002 b_var-003 '
is '--count: all of them differ' "$(lat-cut -n zT "$T/c.lat" | lat2npy -n zT -o "$T/v-{id}.npy"; sha256sum "$T"/v-*.npy "$T/a.npy" | cut -c1-64 | sort -u | wc -l)" 7
draw --noise 1 --count 2 --batch 3 "$T/noise.lat" > "$T/c2.lat"
holds '--count: a variation does not depend on their number' lat-diff <(lat-cut -r a_var-002 "$T/c.lat") <(lat-cut -r a_var-002 "$T/c2.lat")
refuses 65 '--count: results of one id' lat-denoise $plain -s 1 --noise 1 --count 2 -o "$T/no.lat" "$T/noise.lat" "$T/noise.lat"
expect_exit 0 '--generate' lat-denoise $shift -s 1 --generate 3 --no-history -o "$T/g.lat"
is '--generate: ids and tensors' "$(lat-info "$T/g.lat" | tail -n +2 | cut -f1,3 | tr '\t\n' ' ;')" 'gen-0001 zT;gen-0001 z;gen-0002 zT;gen-0002 z;gen-0003 zT;gen-0003 z;'
lat-denoise $plain -s 1 --generate 2 --noise 0 --batch 2 --no-history > "$T/g2.lat"
holds '--generate: y and the number play no part' lat-diff <(lat-cut --ids <(printf 'gen-0001\ngen-0002\n') "$T/g.lat") "$T/g2.lat"

# the model's preparation goes with what is generated, and is compared
python3 - "$T" << 'END'
import json, sys
c = json.load(open('tests/oracle/small.json'))
c['preparation'] = {'name': 'world', 'size': [32, 40, 32], 'affine': [[6, 0, 0, -93], [0, 6, 0, -120], [0, 0, 6, -93]]}
c['diffusion'].update(clip=None, scale_factor=.5)
json.dump(c, open(sys.argv[1] + '/world.json', 'w'))
END
mkdir "$T/world"
"$make_weights" "$T/world/unet.safetensors" "$T/world.json" unet autoencoder="$ae"
lat-denoise -m "$T/world" -s 1 --generate 1 > "$T/w.lat"
like '--generate: the preparation' "$(lat-info --json "$T/w.lat")" '"preparation":\{.*"name":"world"'
python3 tests/small.py "$T"
nii2lat --grid-only --id a "$T/ball.nii" | npy2lat --onto - z="$T/z.npy" > "$T/prepared.lat"
refuses 65 'prepared in another way' lat-denoise -m "$T/world" --invert -s 1 -o "$T/no.lat" "$T/prepared.lat"
like 'prepared in another way: the way out' "$(cat "$T/err")" '^lat-denoise: a: prepared in another way .*--any-model'
# clip null in the model is none
lat-denoise -m "$T/world" --no-history --invert -s 4 "$T/clean.lat" > "$T/n1.lat"
lat-denoise -m "$T/world" --no-history --invert -s 4 --clip none "$T/clean.lat" > "$T/n2.lat"
holds "the model's clip: none" cmp "$T/n1.lat" "$T/n2.lat"
expect_exit 1 '--clip goes before it' lat-diff "$T/n1.lat" <(lat-denoise -m "$T/world" --invert -s 4 --clip .5 "$T/clean.lat")

# standardised latents: the network sees (z - mean) / sd, place by place; what it makes goes back the same way
mkdir "$T/standard"
lat2npy -n z -o "$T/clean-{id}.npy" "$T/clean.lat"
python3 tests/standardise.py "$T/plain/unet.safetensors" "$T/standard/unet.safetensors" "$T/clean-a.npy" "$T/in.npy" "$T/unused.npy"
invert() { npy2lat --id a z="$2" | lat-denoise -q -m "$1" --invert -s 4 --no-history | lat-cut -n zT --no-history; }
holds 'standardised: inversion' lat-diff -t 1e-6 <(invert "$T/plain" "$T/in.npy") <(invert "$T/standard" "$T/clean-a.npy")
sample() { npy2lat --id a zT="$T/n.npy" | lat-denoise -q -m "$1" -s 4 --no-history | lat-cut -n z --no-history; }
sample "$T/plain" | lat2npy -n z -o "$T/out.npy"
python3 tests/standardise.py "$T/plain/unet.safetensors" "$T/unused.safetensors" "$T/out.npy" "$T/unused.npy" "$T/back.npy"
holds 'standardised: sampling' lat-diff -t 1e-6 <(npy2lat --id a z="$T/back.npy") <(sample "$T/standard")
python3 -c '
import sys
b = open(sys.argv[1], "rb").read()
open(sys.argv[2], "wb").write(b[:-4] + bytes(4))' "$T/standard/unet.safetensors" "$T/flat.safetensors"
refuses 78 'standardised: a deviation of 0' lat-denoise -q -m "$T/flat.safetensors" -s 1 --generate 1 -o "$T/no.lat"
like 'standardised: a deviation of 0: says so' "$(cat "$T/err")" 'flat.safetensors: latent_sd: number 1919 is 0'

# weights of 16 bits stay as they are in the file, and do what the same numbers in 32 bits do
python3 tests/rounded.py "$T/shift/shift_unet.safetensors" "$T/half.safetensors" "$T/rounded.safetensors"
for level in x86-64-v2 x86-64-v4; do
	export LATPIPE_ARCH=$level
	lat-denoise -q -m "$T/half.safetensors" --no-history -s 2 --any-model "$T/noise.lat" | lat-cut -n z --no-history > "$T/n1.lat"
	lat-denoise -q -m "$T/rounded.safetensors" --no-history -s 2 --any-model "$T/noise.lat" | lat-cut -n z --no-history > "$T/n2.lat"
	holds "16 bits: the numbers of 32 bits, $level" lat-diff "$T/n1.lat" "$T/n2.lat"
done
unset LATPIPE_ARCH
expect_exit 1 '16 bits: not the numbers that were rounded' lat-diff "$T/n1.lat" <(lat-denoise -q $shift --no-history -s 2 --any-model "$T/noise.lat" | lat-cut -n z --no-history)

# whose tensors they are
refuses 65 'zT of another scale' lat-denoise $plain -s 1 -o "$T/no.lat" <(python3 tests/claim.py zT scale_factor 0.5 < "$T/noise.lat")
is 'zT of another scale: says so' "$(cat "$T/err")" \
	"lat-denoise: a: zT was scaled by 0.5, the model's latents are by 0.873; --any-model takes it all the same"
refuses 65 'zT of another model' lat-denoise $plain -s 1 -o "$T/no.lat" "$T/invert_shift.out"
expect_exit 0 'zT of another model: --any-model' lat-denoise $plain -s 1 --any-model -f -o "$T/o.lat" "$T/invert_shift.out"
claim() { python3 tests/claim.py "$1" model '{"kind": "'"$2"'", "identity": "'"$3"'"}'; }
refuses 65 'z of another autoencoder' lat-denoise $shift --invert -s 1 -o "$T/no.lat" <(claim z autoencoder "$sem" < "$T/clean.lat")
like 'z of another autoencoder: the way out' "$(cat "$T/err")" '^lat-denoise: a: z is of another model \(autoencoder cdcdcdcdcdcd\.\., not abababababab\.\. of .*\); --any-model'
expect_exit 0 'z of the right one' lat-denoise $shift --invert -s 1 -f -o "$T/o.lat" <(claim z autoencoder "$ae" < "$T/clean.lat")
refuses 65 'y of another encoder' lat-denoise $shift -s 1 -o "$T/no.lat" <(claim y semantic "$ae" < "$T/noise.lat")
expect_exit 0 'y of another encoder that plays no part' lat-denoise $shift -s 1 --no-y -f -o "$T/o.lat" <(claim y semantic "$ae" < "$T/noise.lat")

# what it refuses
refuses 65 'no y' lat-denoise $shift -s 1 -o "$T/no.lat" <(lat-cut -n zT "$T/noise.lat")
like 'no y: the ways out' "$(cat "$T/err")" '^lat-denoise: a: no tensor y, .*sem-encode.*--no-y'
refuses 65 'no zT' lat-denoise $shift -s 1 -o "$T/no.lat" "$T/clean.lat"
refuses 65 'no z' lat-denoise $shift --invert -s 1 -o "$T/no.lat" "$T/noise.lat"
python3 tests/small-codes.py "$T" small=3x4x10x8:1 short=5:1
refuses 65 'another grid' lat-denoise $plain -s 1 -o "$T/no.lat" <(npy2lat --id a zT="$T/small.npy")
is 'another grid: says so' "$(cat "$T/err")" "lat-denoise: a: zT has shape 3x4x10x8, the model's 3x8x10x8"
refuses 65 'a code of another length' lat-denoise $shift -s 1 -o "$T/no.lat" <(npy2lat --id a zT="$T/n.npy" y="$T/short.npy")
python3 -c "
import array
b = open('$T/n.npy', 'rb').read()
open('$T/nan.npy', 'wb').write(b[:-4] + array.array('f', [float('nan')]).tobytes())"
refuses 65 'not finite' lat-denoise $plain -s 1 -o "$T/no.lat" <(npy2lat --id a zT="$T/nan.npy")
for bad in '-s 0' '-s 1000' '--solver euler' '--clip 0' '--clip x' '--clip inf' '--stop 1.5' '--stop -1' '--count 2' '--noise 1 --count 0' '--batch 0' \
	'--generate 0' '--generate 1 a.lat' '--generate 1 --count 2 --noise 1' '--invert --noise 1' '--invert --generate 1' '--invert --stop .1'; do
	# shellcheck disable=SC2086
	refuses 64 "$bad" lat-denoise $plain $bad -o "$T/no.lat"
done
refuses 66 'no such model' lat-denoise -m "$T/none" -o "$T/no.lat" "$T/noise.lat"
refuses 78 'a model of another kind' lat-denoise -m tests/oracle/golden/autoencoder.safetensors -o "$T/no.lat" "$T/noise.lat"
expect_exit 65 '--keep-going' lat-denoise $plain -s 1 --keep-going --batch 2 -f -o "$T/kept.lat" <(npy2lat --id c zT="$T/small.npy"; cat "$T/noise.lat")
is '--keep-going: the others' "$(lat-info "$T/kept.lat" | tail -n +2 | cut -f1 | uniq | tr '\n' ' ')" 'a b '
[ ! -e "$T/no.lat" ]
is 'nothing refused left a file' $? 0
is '--plan' "$(lat-denoise $shift -s 10 --plan "$T/noise.lat" | python3 -c '
import json, sys
p = [json.loads(line) for line in sys.stdin]
print(len(p), sorted(p[0]), p[0]["flop"] > 1e8, p[0]["peak_bytes"] > 1e7, 0 < p[0]["seconds"] < 60)')" \
	"2 ['flop', 'peak_bytes', 'seconds'] True True True"
flop() { lat-denoise $shift -s 10 --plan "$@" "$T/noise.lat" | sed -n '1s/.*"flop": \([0-9]*\).*/\1/p'; }
is '--plan: half of the calls without y' "$(flop --stop .5)" "$((($(flop) + $(flop --no-y)) / 2))"
is '--plan: a batch does not change a record' "$(flop --batch 2)" "$(flop)"
expect_exit 141 'a closed pipe' bash -c "lat-denoise $plain -s 1 --generate 100 | head -c 10 > /dev/null; exit \${PIPESTATUS[0]}"
like 'progress on a terminal' "$(script -qec "lat-denoise $plain -s 3 --no-history -f -o $T/o.lat $T/noise.lat" /dev/null)" 'a: 3/3.*b: 3/3'
is 'none elsewhere' "$(lat-denoise $plain -s 3 -f -o "$T/o.lat" "$T/noise.lat" 2>&1)" ''

# memory does not grow with the number of records
if grep -q __asan_init "$BUILD/lat-denoise" || [ ! -x /usr/bin/time ]; then
	skip 'flat memory over 60 records' 'needs GNU time and no sanitizers'
else
	peak() { /usr/bin/time -f %M -o "$T/kb" lat-denoise $plain -s 1 --generate "$1" > /dev/null && cat "$T/kb"; }
	few=$(peak 5) many=$(peak 60)
	is 'flat memory over 60 records' "$((many < few + few / 10 + 1000))" 1
	echo "# $few -> $many kB"
fi
finish
