# nii-simulate: volumes by value on a scan whose regions are balls, what is kept, what depends on the seed and what on nothing, what it refuses.
# bids-cohort: changes that follow from its rates, subjects that do not depend on others.
. tests/lib.sh
python3 - "$T" << 'END'
import array, struct, sys
T, n, mm = sys.argv[1], 40, 2.0
def nii(name, v, kind, code, bits, n=n):
    h = struct.pack('<i36s8h14xhh2x8ffffh2xff16x80s24shh6f12f16s4s', 348, b'', 3, n, n, n, 1, 1, 1, 1, code, bits, 1, mm, mm, mm, 0, 0, 0, 0, 352,
                    1, 0, 10, 0, 0, b'', b'', 0, 2, 0, 0, 0, 0, 0, 0, mm, 0, 0, 0, 0, mm, 0, 0, 0, 0, mm, 0, b'', b'n+1\0')
    open(T + '/' + name, 'wb').write(h + bytes(4) + array.array(kind, v).tobytes())
def label(i, j, k):
    far = lambda x, y, z: (i - x) ** 2 + (j - y) ** 2 + (k - z) ** 2
    return 2 if far(14, 20, 20) < 25 else 3 if far(26, 20, 20) < 25 else 1 if far(19.5, 19.5, 19.5) < 256 else 0
places = [(i, j, k) for k in range(n) for j in range(n) for i in range(n)]
labels = [label(*p) for p in places]
nii('labels.nii', labels, 'B', 2, 8)
nii('scan.nii', [(0, 300, 400, 100)[l] + (i + 2 * j + 3 * k) % 7 if l else 0 for l, (i, j, k) in zip(labels, places)], 'h', 4, 16)
nii('below.nii', [l * 100 - 150 for l in labels], 'h', 4, 16)
nii('small.nii', [0] * 8000, 'B', 2, 8, 20)
nii('image.nii', [i % 3000 / 7 for i in range(n ** 3)], 'f', 16, 32)
assert labels.count(2) == labels.count(3) == 485 # 3.88 ml
END
printf 'region\tlabels\nseed\t2\nhollow\t3\nbrain\t1-3\nfluid\t0\n' > "$T/regions.tsv"
simulate() { nii-simulate --labels "$T/labels.nii" --regions "$T/regions.tsv" "$@"; }
cell() { awk -F '\t' -v r="$2" -v c="$3" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == c) at = i } $1 == r { print $at }' "$1"; } # TABLE REGION COLUMN
near() { awk -v a="$1" -v b="$2" -v by="$3" 'BEGIN { exit !(a - b < by && b - a < by) }'; }

expect_exit 0 'a region shrinks' simulate --change seed=-10 --fill hollow=.5 -o "$T/less.nii" --volumes "$T/less.tsv" "$T/scan.nii"
is 'the table' "$(cut -f 1 "$T/less.tsv" | tr '\n' ' ')" 'region seed hollow brain fluid all '
holds 'before: the count of voxels' near "$(cell "$T/less.tsv" seed before_ml)" 3.88 1e-9
holds 'wanted: what was asked for' near "$(cell "$T/less.tsv" seed wanted_ml)" 3.492 1e-5
holds 'wanted: what is filled' near "$(cell "$T/less.tsv" hollow wanted_ml)" 4.074 1e-5
holds 'made' near "$(cell "$T/less.tsv" seed after_ml)" 3.492 5e-4
holds 'made: what is filled' near "$(cell "$T/less.tsv" hollow after_ml)" 4.074 5e-4
holds 'made: nothing is lost in all' near "$(cell "$T/less.tsv" all after_ml)" "$(cell "$T/less.tsv" all before_ml)" 2e-3
holds 'made: what is left takes up the other half' near "$(cell "$T/less.tsv" fluid after_ml)" "$(awk -v b="$(cell "$T/less.tsv" fluid before_ml)" 'BEGIN { print b + .194 }')" .1
holds 'nothing folds' awk -F '\t' '$1 == "seed" { exit !($5 > .5 && $5 <= $6 && $6 < 1.5) }' "$T/less.tsv"
expect_exit 0 'a region shrinks by much' simulate --change seed=-40 --fill hollow=1 -o "$T/much.nii" --to-labels "$T/much-labels.nii" --volumes "$T/much.tsv" "$T/scan.nii"
holds 'made: much' near "$(cell "$T/much.tsv" seed after_ml)" 2.328 2e-3
python3 - "$T" > "$T/counted" << 'END'
import sys
v = open(sys.argv[1] + '/much-labels.nii', 'rb').read()[352:]
print(*(v.count(l) * .008 for l in (2, 3)))
END
holds 'the label map says so, too' awk '{ exit !($1 > 2.1 && $1 < 2.55 && $2 > 4.8 && $2 < 5.8) }' "$T/counted"
is 'JSON' "$(simulate --change seed=-10 --fill hollow=.5 -o "$T/json.nii" --json --volumes - "$T/scan.nii" | jq -r '.[] | select(.region == "seed") | .after_ml * 1e4 | round')" \
	"$(cell "$T/less.tsv" seed after_ml | awk '{ printf "%.0f", $1 * 1e4 }')"
holds 'numbers instead of names' nii-simulate --labels "$T/labels.nii" --change 2=-10 --fill 3=.5 --rest 0 -o "$T/numbers.nii" "$T/scan.nii"
holds 'numbers instead of names: the same scan' cmp "$T/less.nii" "$T/numbers.nii"
holds 'nested: the brain with all that is in it' simulate --change brain=-3,seed=-10 -o "$T/nested.nii" --volumes "$T/nested.tsv" "$T/scan.nii"
holds 'nested: by value' awk -F '\t' '$1 == "brain" || $1 == "seed" { n++; e = ($4 - $3) / ($3 - $2); bad += e * e > 1e-6 } END { exit bad || n != 2 }' "$T/nested.tsv"

# what does not change
holds 'nothing asked for: the scan' nii-score --max-mse 0 "$T/scan.nii" <(nii-simulate "$T/scan.nii")
holds 'a change of 0: the scan' nii-score --max-mse 0 "$T/scan.nii" <(simulate --change seed=0 "$T/scan.nii")
all=(--change seed=-10 --noise .05 --bias .1 --gain .1 --jitter 1 --seed 4)
simulate -j 1 "${all[@]}" "$T/scan.nii" > "$T/one.nii"
simulate -j 3 "${all[@]}" "$T/scan.nii" > "$T/three.nii"
holds 'any number of threads: the same bytes' cmp "$T/one.nii" "$T/three.nii"
simulate "${all[@]}" --seed 5 "$T/scan.nii" > "$T/other.nii"
holds 'another seed: another scan' bash -c '! cmp -s "$1" "$2"' - "$T/one.nii" "$T/other.nii"
python3 - "$T/scan.nii" <(nii-simulate --gain .2 --seed 9 "$T/scan.nii") <(nii-simulate --noise .1 --seed 9 "$T/scan.nii") > "$T/seen" << 'END'
import array, sys
v = [array.array(k, open(f, 'rb').read()[352:]) for k, f in zip('hff', sys.argv[1:])]
ratio = [g / s for s, g in zip(v[0], v[1]) if s]
top = sorted(x for x in v[0] if x)
bright = top[int(.999 * (len(top) - 1))]
far = [(n - s) / bright for s, n in zip(v[0], v[2]) if s >= 300]
print('%.5f' % (max(ratio) / min(ratio)), max(ratio) != 1, '%.2f' % (sum(x * x for x in far) / len(far)) ** .5, sum(1 for s, n in zip(v[0], v[2]) if not s and n))
END
is 'gain: one factor; noise: a share of the brightness, none where there is nothing' "$(cat "$T/seen")" '1.00000 True 0.10 0'

refuses 65 'another grid' nii-simulate --labels "$T/small.nii" --change 2=-10 -o "$T/x.nii" "$T/scan.nii"
refuses 65 'an image instead of labels' nii-simulate --labels "$T/image.nii" --change 2=-10 -o "$T/x.nii" "$T/scan.nii"
refuses 65 'a region that is not there' nii-simulate --labels "$T/labels.nii" --change 7=-10 -o "$T/x.nii" "$T/scan.nii"
refuses 65 'regions that overlap' nii-simulate --labels "$T/labels.nii" --change 1+2=-10,2+3=-5 -o "$T/x.nii" "$T/scan.nii"
refuses 65 'a region that would vanish' simulate --change seed=-99 -o "$T/x.nii" "$T/scan.nii"
refuses 65 'noise of what is below 0' nii-simulate --noise .1 -o "$T/x.nii" "$T/below.nii"
refuses 64 'a name that is none' simulate --change sead=-10 -o "$T/x.nii" "$T/scan.nii"
refuses 64 'no number' simulate --change seed=much -o "$T/x.nii" "$T/scan.nii"
refuses 64 'a decimal comma' simulate --change seed=-1,5 -o "$T/x.nii" "$T/scan.nii"
refuses 64 'a change without labels' nii-simulate --change 2=-10 -o "$T/x.nii" "$T/scan.nii"
refuses 64 'a fill without a change' simulate --fill hollow=.5 -o "$T/x.nii" "$T/scan.nii"
refuses 64 'a share without a way' nii-simulate --share .5 -o "$T/x.nii" "$T/scan.nii"
refuses 66 'no scan' simulate --change seed=-10 -o "$T/x.nii" "$T/none.nii"
refuses 73 'a table that exists' simulate --change seed=-10 -o "$T/x.nii" --volumes "$T/less.tsv" "$T/scan.nii"
holds 'nothing refused left a file' [ ! -e "$T/x.nii" ]

# a cohort
printf 'id\tparticipant_id\tsession_id\tmonths\tpath\treason\n' > "$T/scans.tsv"
for s in 01 02 03 04 05 06; do printf 'sub-%s_T1w\tsub-%s\tn/a\tn/a\tin/sub-%s_T1w.nii\tn/a\n' $s $s $s; done >> "$T/scans.tsv"
printf 'group\tshare\tbecomes\tonset_from\tonset_to\tseed\tseed_sd\nwell\t.5\tn/a\tn/a\tn/a\t-1\t.5\nill\t.5\twell\t6\t18\t-5\t1\n' > "$T/groups.tsv"
printf 'participant_id\tage\tsex\nsub-02\t61\tf\n' > "$T/people.tsv"
expect_exit 0 'a cohort' bids-cohort --groups "$T/groups.tsv" --participants "$T/people.tsv" --visits 0,12,24 --seed 3 "$T/scans.tsv"
cp "$T/out" "$T/cohort.tsv"
is 'a row for each visit' "$(cut -f 1,4 "$T/cohort.tsv" | sed -n '1,4p' | tr '\t\n' ' ;')" 'id months;sub-01_ses-M000_T1w 0;sub-01_ses-M012_T1w 12;sub-01_ses-M024_T1w 24;'
is 'age and sex' "$(awk -F '\t' '$2 == "sub-02" && $4 == 0 { print $12, $13 }' "$T/cohort.tsv")" '61 f'
holds 'months 0: no change' awk -F '\t' 'NR > 1 && $4 == 0 && $9 != "seed=0" { exit 1 }' "$T/cohort.tsv"
holds 'changes follow from rates, compound, from the onset on the others' awk -F '\t' '
	NR > 1 { split($9, c, "="); before = $14 == "n/a" || $14 > $4 ? $4 : $14; after = $4 - before
		e = c[2] - 100 * ((1 + $15 / 100) ^ (before / 12) * (1 + $16 / 100) ^ (after / 12) - 1); bad += e * e > 1e-6; ill += $11 == "ill" }
	END { exit bad || !ill }' "$T/cohort.tsv"
holds 'nobody is moved towards himself' awk -F '\t' 'NR > 1 && $5 == $8 { exit 1 }' "$T/cohort.tsv"
columns() { awk -F '\t' '$2 != "sub-04"' "$1" | cut -f 1-7,9-; }
is 'without one of them: the others as they were' "$(bids-cohort --groups "$T/groups.tsv" --participants "$T/people.tsv" --visits 0,12,24 --seed 3 \
	<(grep -v sub-04 "$T/scans.tsv") | columns /dev/stdin)" "$(columns "$T/cohort.tsv")"
refuses 64 'no groups' bids-cohort "$T/scans.tsv"
refuses 64 'visits that do not rise' bids-cohort --groups "$T/groups.tsv" --visits 0,12,6 "$T/scans.tsv"
refuses 65 'a table that is none of bids-scans' bids-cohort --groups "$T/groups.tsv" "$T/people.tsv"
sed 's/-5/five/' "$T/groups.tsv" > "$T/bad.tsv"
refuses 65 'a rate that is no number' bids-cohort --groups "$T/bad.tsv" "$T/scans.tsv"
like 'a rate that is no number: where' "$(cat "$T/err")" "^bids-cohort: $T/bad.tsv: line 3: "
sed 's/well\t6/better\t6/' "$T/groups.tsv" > "$T/bad.tsv"
refuses 65 'a group that is none' bids-cohort --groups "$T/bad.tsv" "$T/scans.tsv"
finish
