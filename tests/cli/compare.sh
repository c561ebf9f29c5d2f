# compare.mk on tiny networks: codes, figures by hand, sites, volumes, controls.
. tests/lib.sh
. tests/training.sh
. tests/tiny-model.sh
B=$T/study
mkdir "$T/dseg"
printf 'participant_id\tage\tgroup\tsite\n' > "$T/participants.tsv"
for i in {01..10}; do
	for s in M000 M012; do put "$B/sub-$i/ses-$s/anat/sub-${i}_ses-${s}_T1w.nii.gz" "$T/sub-0$(((10#$i + (${#s} - 4) + 10#${s#M} / 12) % 4 + 1))_T1w.nii"; done
	printf 'session_id\tmonths\tage\nses-M000\t0\t%d\nses-M012\t12\t%d\n' $((50 + 10#$i)) $((51 + 10#$i)) > "$B/sub-$i/sub-${i}_sessions.tsv"
	printf 'sub-%s\t%d\t%s\t%s\n' "$i" $((50 + 10#$i)) "$([ $((10#$i % 2)) = 0 ] && echo AD || echo CN)" "$([ $((10#$i % 4)) -lt 2 ] && echo A || echo B)" >> "$T/participants.tsv"
	python3 - "$T/dseg" "$i" << 'END'
import array, struct, sys
folder, i, n = sys.argv[1], int(sys.argv[2]), 10
for s in ('M000', 'M012'):
    big = 40 if i % 2 else 20 # hippocampi of CN and AD
    v = [47] * (big + i) + [51] * 30 + [23] * 300
    v += [0] * (n ** 3 - len(v))
    h = struct.pack('<i36s8h14xhh2x8ffffh2xff16x80s24shh6f12f16s4s', 348, b'', 3, n, n, n, 1, 1, 1, 1, 2, 8, 1, 2, 2, 2, 0, 0, 0, 0, 352,
                    1, 0, 10, 0, 0, b'', b'', 0, 2, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, b'', b'n+1\0')
    open('%s/sub-%02d_ses-%s_dseg.nii' % (folder, i, s), 'wb').write(h + bytes(4) + array.array('B', v).tobytes())
END
done
echo '{"Name": "study", "BIDSVersion": "1.8.0"}' > "$B/dataset_description.json"
cp "$T/participants.tsv" "$B"
compare() { # OUT VARIABLE...
	local out=$1
	shift
	(cd "$T" && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -f "$ROOT/pipelines/compare.mk" MODEL="$T/model" BIDS=study OUT="$out" COMPONENTS='2 30' REPEATS=2 SHUFFLES=3 SPLITS=3 "$@")
}
expect_exit 0 'classes and numbers' compare one TARGETS='group=AD/CN age' DSEG=dseg SITE=site
r=$T/one/compare.tsv
is 'the codes' "$(awk -F '\t' '$1 ~ /group/ && $4 == "cross-validation" && $5 == "auc" { print $2, $3 }' "$r" | sort | tr '\n' ';')" \
	'fluid 1;hippocampus 1;labels 3;shuffled 16;tissue 1;ventricles 1;x-2 2;y 16;z-2 2;'
like 'too many components: said' "$(lines)" 'compare: x-30: left out: 10 subjects have no 30 principal components'
is 'volumes that tell the classes apart' "$(awk -F '\t' '$1 ~ /group/ && $2 == "hippocampus" && $5 == "auc" { print $4, $6 }' "$r" | tr '\n' ';')" \
	'cross-validation 1;judged at A 1;judged at B 1;'
is 'age: no code' "$(awk -F '\t' '$1 == "age" && $2 == "mean" && $5 == "mae" { print ($6 > 2 && $6 < 4) }' "$r")" 1
lat-cut -n y "$T"/one/sub-*/ses-*/anat/*.lat > "$T/y.lat"
linprobe cv -q --labels "$T/participants.tsv" --target group --positive AD --negative CN --balance --splits 3 --repeats 2 "$T/y.lat" > "$T/by-hand"
is 'the semantic code: by hand' "$(awk -F '\t' '$1 ~ /group/ && $2 == "y" && $4 ~ /cross/ && $5 == "auc" { print $6, $7, $8, $9 }' "$r")" "$(awk -F '\t' '$1 == "auc" { print $2, $3, $4, $5 }' "$T/by-hand")"
for i in {01..10}; do printf 'sub-%s\tses-M000\t%d\nsub-%s\tses-M012\t%d\n' $i $((50 + 10#$i)) $i $((51 + 10#$i)); done | sed '1i participant_id\tsession_id\tage' > "$T/ages.tsv"
linprobe cv -q --labels "$T/ages.tsv" --target age --splits 3 --repeats 2 "$T/y.lat" > "$T/by-hand"
is 'age at each visit: by hand' "$(awk -F '\t' '$1 == "age" && $2 == "y" && $4 ~ /cross/ && $5 == "mae" { print $6, $7 }' "$r")" "$(awk -F '\t' '$1 == "mae" { print $2, $3 }' "$T/by-hand")"
for s in 1 2 3; do linprobe cv -q --labels "$T/ages.tsv" --target age --splits 3 --shuffle --seed $s --bootstrap 1 "$T/y.lat"; done |
	awk '$1 == "mae" { s += $2 } END { printf "%.4f", s / 3 }' > "$T/chance"
is 'shuffled: the mean, by hand' "$(awk -F '\t' '$1 == "age" && $2 == "shuffled" && $5 == "mae" { printf "%.4f", $6 }' "$r")" "$(cat "$T/chance")"
lat-cut -r 1: "$T/y.lat" > "$T/further.lat"
expect_exit 0 'a further code' compare one TARGETS=group=AD CODES=supervised=further.lat
is 'a further code: judged like others' "$(awk -F '\t' '$2 == "supervised" || $2 == "y" { print $6 }' "$T/one/compare.tsv" | sort -u | wc -l)" 2
like 'a further code: what is there is not made again' "$(lines)" 'compare: 0 made, 20 as they were, 0 failed'
holds 'the dictionary' jq -e .code.Description "$T/one/compare.json"
like 'the page' "$(sed -n 3p "$T/one/compare.md")" '^\| group=AD \| y \| 16 \| cross-validation \| '
expect_exit 2 'no table' compare two LABELS=none.tsv
expect_exit 2 'no label maps' compare two DSEG=none
expect_exit 0 'help' compare two help
like 'help draws it' "$(cat "$T/out")" 'make -f pipelines/compare.mk'
finish
