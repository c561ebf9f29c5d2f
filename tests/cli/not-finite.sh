# NaN and infinities: no tool takes a tensor or a weight that has one, or gives one away; record, tensor, weight and place are named.
. tests/lib.sh
export OMP_NUM_THREADS=1
poke=$BUILD/tests/tools/poke
mkdir "$T/m"
"$BUILD/tests/tools/random-ae" "$T/m/autoencoder.safetensors" tests/oracle/small.json
"$BUILD/tests/tools/random-denoiser" "$T/m/shift_unet.safetensors" tests/oracle/small.json shift_unet
cp tests/oracle/golden/semantic.safetensors "$T/m"
python3 - "$T" << 'E2'
import array, struct, sys
for name, shape in ("x", (1, 32, 40, 32)), ("z", (3, 8, 10, 8)), ("zT", (3, 8, 10, 8)), ("y", (64,)), ("w", (64,)), ("v", (64,)), ("q", (1, 32, 40, 32)):
    n = 1
    for k in shape:
        n *= k
    h = ("{'descr': '<f4', 'fortran_order': False, 'shape': %r, }" % (shape,)).ljust(117) + "\n"
    v = [i * (37 + ord(name[0])) % 101 / 100 for i in range(n)]
    open("%s/%s.npy" % (sys.argv[1], name), "wb").write(b"\x93NUMPY\1\0" + struct.pack("<H", len(h)) + h.encode() + array.array("f", v).tobytes())
E2
for pair in a:y b:w c:v; do npy2lat --id ${pair%:*} x="$T/x.npy" z="$T/z.npy" zT="$T/zT.npy" y="$T/${pair#*:}.npy"; done > "$T/good.lat"
for t in x z zT y; do
	"$poke" "$T/good.lat" "$T/nan-$t.lat" b $t 3 nan
	"$poke" "$T/good.lat" "$T/inf-$t.lat" b $t 3 -inf
done
printf 'participant_id\tage\na\t1\nb\t2\nc\t3\n' > "$T/labels.tsv"
m="-m $T/m"

# refused TENSOR COMMAND...: with a record of that tensor that has NaN, and with one that has an infinity, in the place of IN
refused() {
	local t=$1 word=nan what=$2
	shift
	for word in nan inf; do
		local command=("${@//IN/$T/$word-$t.lat}")
		"${command[@]}" > "$T/out" 2> "$T/err"
		is "$what: $word in $t: refused" "$? $(wc -l < "$T/err")" '65 1'
		like "$what: $word in $t: which" "$(cat "$T/err")" "^$what: .*b: tensor $t: element 3 is -?$word, no finite number$"
	done
}
# shellcheck disable=SC2086
{
	refused z lat2nii $m -o "$T/{id}.nii" -f IN
	refused x lat2nii --grid-only -o "$T/{id}.nii" -f IN
	refused x sem-encode $m IN
	refused z lat-denoise $m --invert -s 1 IN
	refused y lat-denoise $m --invert -s 1 IN
	refused zT lat-denoise $m -s 1 IN
	refused y lat-denoise $m -s 1 IN
	refused y lat-lerp -t .5 IN "$T/good.lat"
	refused zT lat-lerp -t .5 IN "$T/good.lat"
	refused zT lat-lerp -t .5 "$T/good.lat" IN
	refused y lat-lerp -t 0 IN "$T/good.lat"
	refused zT lat-lerp -t 1 "$T/good.lat" IN
	refused x lat-baseline --method mean --train "$T/good.lat" IN
	refused x lat-baseline --method mean --train IN "$T/good.lat"
	refused z lat-learnable --train "$T/good.lat" IN
	refused z lat-learnable --train IN "$T/good.lat"
	refused y lat-learnable $m --train "$T/good.lat" IN
	refused x lat-realism -k 1 --real IN "$T/good.lat"
	{ cat "$T/good.lat" && npy2lat --id q x="$T/q.npy"; } > "$T/four.lat"
	refused x lat-realism -k 1 --real "$T/four.lat" IN
	refused x lat-realism -q -k 1 --real "$T/four.lat" --train IN "$T/good.lat"
	refused z lat-check IN
	refused y linprobe fit --labels "$T/labels.tsv" --target age --lambda 1 -f -o "$T/p" IN
	linprobe fit --labels "$T/labels.tsv" --target age --lambda 1 -f -o "$T/p" "$T/good.lat"
	refused y linprobe predict --probe "$T/p" IN
	refused y lat-steer --probe "$T/p" --by 1 IN
	for t in x z; do
		expect_exit 65 "--keep-going passes over b: $t" lat-check --keep-going "$T/nan-$t.lat"
	done
	expect_exit 65 'lat2nii --keep-going' lat2nii $m --keep-going -f -o "$T/{id}.nii" "$T/nan-z.lat"
	is 'lat2nii --keep-going: the others' "$(cd "$T" && ls ./?.nii | tr '\n' ' ')" './a.nii ./c.nii '
}
# those that only look, or pass on, say what there is
lat-cut -n z "$T/nan-z.lat" > "$T/cut.lat"
is 'lat-cut passes it on' "$? $(lat-info --stats --json "$T/cut.lat" | grep -c '"not_finite":1')" '0 1'
expect_exit 0 'lat2npy writes what is there' lat2npy -n z -o "$T/{id}.npy" "$T/nan-z.lat"
is 'lat2npy: and says so' "$(cat "$T/err")" 'lat2npy: b: tensor z: element 3 is nan, no finite number'
refuses 65 'npy2lat' npy2lat --id a z="$T/b.npy"
like 'npy2lat: which' "$(cat "$T/err")" '^npy2lat: a: .*b.npy: tensor z: element 3 is nan, no finite number$'
refuses 65 'npy2lat --onto' npy2lat --onto "$T/cut.lat" -o "$T/no.lat" z="$T/{id}.npy"

# weights: in each network, mapped or converted, single or half precision
weight() { # NETWORK TENSOR VALUE: m with one weight that is none, in $T/w
	rm -rf "$T/w"
	cp -r "$T/m" "$T/w"
	python3 tests/poke_weight.py "$T/w/$1.safetensors" "$2" 5 "$3"
}
bad() { # NETWORK TENSOR VALUE COMMAND...
	local network=$1 tensor=$2 value=$3
	shift 3
	weight "$network" "$tensor" "$value"
	refuses 78 "$1: $value in $tensor" "$@" -m "$T/w"
	like "$1: $value in $tensor: which" "$(cat "$T/err")" "^$1: .*$T/w/$network.safetensors: $tensor: element 5 is $value, no finite number$"
	refuses 78 "lat-check: $value in $tensor" lat-check "$T/w/$network.safetensors"
}
"$BUILD/tests/tools/make-nii" "$T/scan.nii" mm=4
bad autoencoder encoder.blocks.0.conv.weight nan nii2lat -q "$T/scan.nii"
bad autoencoder decoder.blocks.0.conv.weight nan nii2lat -q "$T/scan.nii"
bad autoencoder decoder.blocks.0.conv.bias inf lat2nii --any-model -o "$T/no.nii" <(lat-cut -r a "$T/good.lat")
bad semantic query_projection.weight inf sem-encode "$T/good.lat"
bad shift_unet input_blocks.0.0.weight nan lat-denoise -s 1 "$T/good.lat"
bad shift_unet output_blocks.0.0.in_layers.0.bias -inf lat-denoise -s 1 "$T/good.lat"
bad shift_unet shift_out.0.bias nan lat-denoise -s 1 "$T/good.lat"
is 'nothing is left' "$(ls "$T"/no.* 2> /dev/null)" ''
weight autoencoder decoder.blocks.0.conv.weight nan
refuses 78 'pt2st' pt2st -c tests/oracle/small.json -o "$T/x" "$T/w/autoencoder.safetensors"
like 'pt2st: which' "$(cat "$T/err")" '^pt2st: .*autoencoder.safetensors: decoder.blocks.0.conv.weight: element 5 is nan, no finite number$'
is 'pt2st: nothing is left' "$(ls "$T/x" 2> /dev/null)" ''

finish
