# lat-learnable: what tests/unit/test_predictors.c has no eye for: the table, a model's denoiser, options, records, errors.
. tests/lib.sh
# latents m_i + s_i times 1 in the first half of the records, -1 in the second: of rank one
python3 - "$T" << 'E2'
import struct, sys
def put(name, shape, v):
    h = ("{'descr': '<f4', 'fortran_order': False, 'shape': %r, }" % (shape,)).ljust(117) + "\n"
    open("%s/%s.npy" % (sys.argv[1], name), "wb").write(b"\x93NUMPY\1\0" + struct.pack("<H", 118) + h.encode() + struct.pack("<%df" % len(v), *v))
for name, count in ("a", 8), ("b", 6):
    for r in range(count):
        put("%s%d" % (name, r), (2, 4, 5, 6), [i % 5 + (1 + i % 3) * (1 if r < count / 2 else -1) for i in range(240)])
put("flat", (2, 4, 5, 6), [.1] * 240)
put("small", (2, 4, 5, 3), [1] * 120)
put("line", (240,), [1] * 240)
# of the size of the golden networks
for r in range(4):
    put("z%d" % r, (3, 8, 10, 8), [(i * (7 + 2 * r) + 11 * r * r) % 53 / 30 - .8 if i % 9 else .25 for i in range(1920)])
put("y", (64,), [i * 37 % 101 / 100 for i in range(64)])
E2
for s in a b; do for f in "$T/$s"[0-9].npy; do npy2lat --id "sub-$(basename "$f" .npy)" z="$f"; done > "$T/$s.lat"; done
learnable() { lat-learnable -k 1 --train "$T/a.lat" "$T/b.lat" "$@"; }
expect_exit 0 'latents of rank one' learnable
is 'silent' "$(cat "$T/err")" ''
cp "$T/out" "$T/table"
is 'columns' "$(head -n 1 "$T/table" | tr '\t' ' ')" 'predictor fifth_1 fifth_2 fifth_3 fifth_4 fifth_5 weighted of_place space'
is 'lines' "$(cut -f 1,9 "$T/table" | sed 1d | tr '\t\n' ' ;')" 'place records;pca1 records;lin0 records;lin1 records;'
# each number alone: a; the mean of a over a fifth's two timesteps, and over all ten by weight
is 'place: what is known without learning' "$(awk '
	BEGIN { p = 1; for (t = 0; t < 1000; t++) { p *= 1 - (1e-4 + (.02 - 1e-4) * t / 999); if (t % 100 == 50) { a = p; want[int(t / 200) + 2] += a / 2
		want[7] += a / sqrt(.001 + a / (1 - a)) / 10 } } }
	$1 == "place" { for (i = 2; i <= 7; i++) printf "%d", ($i > .93 * want[i] && $i < 1.07 * want[i]); print $8 }' "$T/table")" 1111111
is 'the component knows nearly all' "$(awk '$1 == "pca1" { print ($8 < .2) }' "$T/table")" 1
is 'shares of place' "$(awk 'NR == 2 { place = $7 } NR > 1 { d = $7 / place / $8 - 1; off += d * d > 1e-9 } END { print off + 0 }' "$T/table")" 0
expect_exit 0 'one thread' learnable -j 1
holds 'one thread: the same bytes' cmp "$T/out" "$T/table"
expect_exit 0 'four threads, into a file' learnable -j 4 -o "$T/file"
holds 'four threads: the same bytes' cmp "$T/file" "$T/table"
refuses 73 'the file is there' learnable -o "$T/file"
holds 'from a pipe' cmp <(lat-cut -n z "$T/b.lat" | lat-learnable -k 1 --train "$T/a.lat") "$T/table"
expect_exit 0 'another seed' learnable --seed 2
is 'another seed: other noise' "$(diff <(cut -f 2 "$T/out") <(cut -f 2 "$T/table") | grep -c '^<')" 4
expect_exit 0 'several numbers of components' lat-learnable -k 3,1,2 --train "$T/a.lat" "$T/b.lat"
is 'several numbers of components: lines' "$(cut -f 1 "$T/out" | tr '\n' ' ')" 'predictor place pca3 pca1 pca2 lin0 lin1 '
holds 'several numbers of components: the others as they were' cmp <(grep -v -e '^pca[23]' "$T/out") "$T/table"
for f in "$T/a"[0-9].npy; do npy2lat --id "sub-$(basename "$f" .npy)" w="$f"; done > "$T/w.lat"
expect_exit 0 'another tensor, and records that are in both streams' lat-learnable -n w -k 1 --train "$T/w.lat" "$T/w.lat"
is 'records in both streams: said' "$(cat "$T/err")" 'lat-learnable: 8 of 8 records are among those that are learned from: errors will be too small'

# a model's denoiser: every number by hand, in latents with a factor and in standardised ones
mkdir "$T/factor" "$T/places"
"$BUILD/tests/tools/random-denoiser" "$T/factor/shift_unet.safetensors" tests/oracle/small.json shift_unet
PYTHONPATH=tests python3 tests/standardise.py "$T/factor/shift_unet.safetensors" "$T/places/shift_unet.safetensors" "$T/z0.npy" "$T/x.npy" "$T/back.npy"
for r in 0 1 2; do npy2lat --id sub-$r z="$T/z$r.npy"; done > "$T/train.lat"
npy2lat --id sub-3 z="$T/z3.npy" y="$T/y.npy" > "$T/one.lat"
for m in factor places; do
	PYTHONPATH=tests python3 tests/noise_by_hand.py "$BUILD/tests/tools/denoise" "$T/$m/shift_unet.safetensors" "$T" sub-3 "$T"/z[012].npy -- \
		"$T/z3.npy" "$T/y.npy" > "$T/want"
	expect_exit 0 "$m: a model" lat-learnable --math exact --seed 7 -k 2 -m "$T/$m" --train "$T/train.lat" "$T/one.lat"
	is "$m: lines" "$(cut -f 1,9 "$T/out" | sed 1d | tr '\t\n' ' ;')" \
		"$([ $m = factor ] && s=factor || s=model; for p in place pca2 lin0 lin1 unet code; do printf '%s %s;' $p $s; done)"
	grep -E '^(place|unet|code)' "$T/out" | cut -f 1-8 > "$T/got"
	is "$m: by hand" "$(paste "$T/got" "$T/want" | awk -F '\t' '{ bad = $1 != $9; for (i = 2; i <= 8; i++) { d = $i / $(i + 8) - 1; bad += d * d > 1e-8 } print $1, bad }' |
		tr '\n' ';')" 'place 0;unet 0;code 0;'
	cp "$T/out" "$T/$m.tsv"
done
is 'the code tells something else' "$(awk '{ v[$1] = $7 } END { d = v["code"] / v["unet"] - 1; print (d * d > 1e-6) }' "$T/factor.tsv")" 1
expect_exit 0 'without codes' lat-learnable --math exact --seed 7 -k 2 -m "$T/factor" --train "$T/train.lat" <(lat-cut -n z "$T/one.lat")
holds 'without codes: the same but for its line' cmp "$T/out" <(grep -v ^code "$T/factor.tsv")
mkdir "$T/plain"
"$BUILD/tests/tools/random-denoiser" "$T/plain/unet.safetensors" tests/oracle/small.json unet
expect_exit 0 'a model without codes' lat-learnable -k 2 -m "$T/plain" --train "$T/train.lat" "$T/one.lat"
is 'a model without codes: its lines' "$(tail -n 2 "$T/out" | cut -f 1 | tr '\n' ' ')" 'lin1 unet '

# what is refused
refuses 64 'nothing to learn from' lat-learnable "$T/b.lat"
for k in 0 -1 x 1,,2 1, '' 1.5 99999999999999999999; do refuses 64 "components: '$k'" lat-learnable -k "$k" --train "$T/a.lat" "$T/b.lat"; done
refuses 64 'another tensor with a model' lat-learnable -n x -m "$T/factor" --train "$T/train.lat" "$T/one.lat"
refuses 66 'no such model' lat-learnable -m "$T/none" --train "$T/train.lat" "$T/one.lat"
refuses 65 'more components than records' lat-learnable --train "$T/a.lat" "$T/b.lat"
like 'more components than records: said' "$(cat "$T/err")" "^lat-learnable: $T/a.lat: 10 components of 8 rows"
refuses 65 'no records to learn from' lat-learnable --train formats/samples/empty-stream.lat "$T/b.lat"
refuses 65 'no records to judge by' lat-learnable --train "$T/a.lat" formats/samples/empty-stream.lat
refuses 65 'the same record twice' learnable "$T/b.lat"
like 'the same record twice: which' "$(cat "$T/err")" 'sub-b0: a second record of this id$'
for i in 1 2 3; do npy2lat --id sub-$i z="$T/flat.npy"; done > "$T/flat.lat"
refuses 65 'latents that are all the same' lat-learnable -k 1 --train "$T/flat.lat" "$T/b.lat"
like 'latents that are all the same: said' "$(cat "$T/err")" "^lat-learnable: $T/flat.lat: the latents are all the same$"
refuses 65 'latents of another size' learnable <(npy2lat --id c z="$T/small.npy")
like 'latents of another size: said' "$(cat "$T/err")" 'c: z of 2x4x5x3, not of 2x4x5x6$'
refuses 65 'no latents' learnable <(npy2lat --id c z="$T/line.npy")
refuses 65 'no tensor' learnable <(npy2lat --id c x="$T/a0.npy")
refuses 65 'latents that are none of the model' lat-learnable -k 1 -m "$T/factor" --train "$T/a.lat" "$T/b.lat"
refuses 65 'some with a code' lat-learnable -k 1 -m "$T/factor" --train "$T/train.lat" "$T/one.lat" <(npy2lat --id c z="$T/z0.npy")
like 'some with a code: said' "$(cat "$T/err")" '1 of 2 records have a code y: all must, or none$'
finish
