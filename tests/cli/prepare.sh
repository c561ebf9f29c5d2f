# pipelines/prepare.mk on Colin27, turned, moved and shrunk by a matrix that is known: is it found?
. tests/lib.sh
templates=/usr/share/mricron/templates
if ! command -v elastix > /dev/null || [ ! -e $templates/ch2.nii.gz ]; then
	skip 'prepare.mk' 'no elastix or no mricron-data'
	finish
fi
export OMP_NUM_THREADS=1
unset BIDS FILES OUT SUBJECTS SESSIONS MODEL JOBS THREADS
S="$T/some scans" O=$T/results
mkdir "$S"
printf '.93 .16 .02 7\n-.17 .92 -.05 -12\n.01 .05 .96 20\n' > "$T/known.txt"
# kept small: 2.5 mm; cut, as sampling fades at the brain's edge
nii-transform --linear "$T/known.txt" $templates/ch2bet.nii.gz | nii-transform --spacing 2.5 -o "$T/small.nii" -
nii-mask --above 25 --apply "$T/small.nii" -o "$S/sub-1_T1w.nii.gz" "$T/small.nii"
prepare() { make -s -f pipelines/prepare.mk FILES="$T/list" OUT="$O" "$@"; }

# distance XFM: how far it is, at the corners of a brain, from what moves the known scan to MNI space; mean and largest, mm
distance() {
	python3 - "$1" "$T/known.txt" pipelines/prepare/colin-to-mni.txt << 'E2'
import itertools, sys
def read(p):
    rows = [[float(x) for x in l.split()] for l in open(p) if l.strip() and l[0] != '#']
    return rows[:3]
def go(m, p):
    return [sum(m[i][k] * p[k] for k in range(3)) + m[i][3] for i in range(3)]
x, known, mni = (read(p) for p in sys.argv[1:])
d = []
for p in itertools.product((-60, 60), (-90, 60), (-40, 70)):
    a, b = go(x, go(known, p)), go(mni, p)
    d.append(sum((u - v) ** 2 for u, v in zip(a, b)) ** .5)
print('mean %.2f largest %.2f' % (sum(d) / 8, max(d)), sum(d) / 8 < 2 and max(d) < 3.5)
E2
}
# value COLUMN ID: of the table of scores
value() { awk -F '\t' -v c="$1" -v id="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == c) k = i } index($1, id "_") == 1 { print $k }' "$O/desc-prepare_scores.tsv"; }
within() { awk -v v="$1" -v a="$2" -v b="$3" 'BEGIN { print (v >= a && v <= b ? "yes" : v) }'; }

# ---- a brain, and scans that are none ----
python3 - "$S/sub-2_T1w.nii.gz" "$S/sub-1_T1w.nii.gz" << 'E2'
import gzip, sys
b = gzip.open(sys.argv[2]).read()
gzip.open(sys.argv[1], 'wb').write(b[:352] + bytes(len(b) - 352))
E2
printf '%s\n' "$S/sub-1_T1w.nii.gz" "$S/sub-2_T1w.nii.gz" > "$T/list"
expect_exit 2 'a brain and an empty scan' prepare
like 'the empty one is told' "$(grep sub-2 "$O/failed.tsv" | tr '\t' '|')" '^sub-2_T1w\|extract\|65\|prepare: .*: a brain of 0 litres is none$'
A=$O/sub-1/anat/sub-1_desc-prepare
is 'what there is of the other' "$(cd "$O/sub-1/anat" && ls | tr '\n' ' ')" 'sub-1_desc-prepare_T1w.json sub-1_desc-prepare_T1w.nii.gz sub-1_desc-prepare_brain-affine.txt sub-1_desc-prepare_brain-rigid.txt sub-1_desc-prepare_mask.nii.gz sub-1_desc-prepare_mask.png sub-1_desc-prepare_template.png sub-1_desc-prepare_xfm.txt '
is 'it is seen that it was extracted' "$(value extracted sub-1)" 1
like 'where the brain is' "$(distance "${A}_xfm.txt")" True
is 'the brain covers its template' "$(within "$(value dice sub-1)" .95 1)" yes
is 'and is like it' "$(within "$(value correlation sub-1)" .9 1)" yes
is 'litres' "$(within "$(value litres sub-1)" 1.35 1.65)" yes
is 'its own voxels' "$(gzip -dc "${A}_T1w.nii.gz" | tail -c +353 | sha256sum)" \
	"$(nii-mask --apply "$S/sub-1_T1w.nii.gz" "${A}_mask.nii.gz" | tail -c +353 | sha256sum)"
is 'nii2lat has nothing to say against it' "$(nii2lat --grid-only -o "$T/x.lat" "${A}_T1w.nii.gz" 2>&1)" ''
like 'as it had against the scan' "$(nii2lat --grid-only -f -o "$T/x.lat" "$S/sub-1_T1w.nii.gz" 2>&1)" 'does not look registered'
is 'the transforms name one another' "$(grep -h Initial "${A}"_brain-*.txt)" '(InitialTransformParametersFileName "sub-1_desc-prepare_brain-rigid.txt")
(InitialTransformParametersFileName "NoInitialTransform")'
mkdir "$T/carried"
(cd "$O/sub-1/anat" && transformix -in "$S/sub-1_T1w.nii.gz" -tp sub-1_desc-prepare_brain-affine.txt -out "$T/carried" -threads 1 > /dev/null)
is 'and work where they are: the scan on the grid of Colin27' "$(within "$(nii-mask --measure --reference $templates/ch2bet.nii.gz "$T/carried/result.nii.gz" | awk 'NR == 2 { print $4 }')" .9 1)" yes
echo "$S/sub-1_T1w.nii.gz" > "$T/list"
expect_exit 0 'again' prepare
like 'nothing is done again' "$(tail -n 1 "$T/err")" '0 made, 1 as they were, 0 failed'

# back in the scan's own space
expect_exit 0 'carry-back' make -s -f pipelines/prepare.mk carry-back SCAN="$S/sub-1_T1w.nii.gz" PREPARED="${A}_T1w.nii.gz" OUT="$T/back.nii.gz"
is 'carried back: the brain, as far as the model knows it' "$(within "$(sed -n 's/^correlation //p' "$T/out")" .9 1)" yes
is 'carried back: what the grid leaves' "$(within "$(sed -n 's/^of_the_grid_alone //p' "$T/out")" .97 1)" yes
is 'carried back: where it was' "$(gzip -dc "$T/back.nii.gz" | head -c 352 | sha256sum)" "$(gzip -dc "$S/sub-1_T1w.nii.gz" | head -c 352 | sha256sum)"
expect_exit 2 'carry-back of nothing' make -s -f pipelines/prepare.mk carry-back SCAN="$T/none" PREPARED=x OUT="$T/y.nii.gz"

# ---- stages of one's own: a mask, even intensities, a matrix; no registration, so that it is quick ----
O=$T/own
expect_exit 0 'stages swapped' prepare EXTRACT='nii-mask --above 20 -o "$$work/mask.nii.gz" "$$path"' \
	BIAS='nii-mask --apply "$$path" -o "$$work/even.nii.gz" "$$work/mask.nii.gz"' LEAST_DICE=0 REGISTER="cp '$T/known.txt' \"\$\$work/xfm.txt\""
is 'their matrix' "$(cat "$O/sub-1/anat/sub-1_desc-prepare_xfm.txt")" "$(cat "$T/known.txt")"
is 'their mask' "$(nii-mask "$O/sub-1/anat/sub-1_desc-prepare_mask.nii.gz" | sha256sum)" "$(nii-mask --above 20 "$S/sub-1_T1w.nii.gz" | sha256sum)"
O=$T/bad
expect_exit 2 'a registration that went astray' prepare EXTRACTED=yes REGISTER="cp '$T/known.txt' \"\$\$work/xfm.txt\""
like 'is told' "$(tail -n 1 "$O/failed.tsv" | tr '\t' '|')" '^sub-1_T1w\|judge\|65\|prepare: the brain does not cover the template.s: Dice 0\.[0-9]*, less than \.8 '
is 'and leaves nothing' "$(find "$O" -name '*.nii.gz')" ''
is 'but pictures' "$(cd "$O/logs" && echo *.png)" 'sub-1_desc-prepare_mask.png sub-1_desc-prepare_template.png'
expect_exit 0 'a brain that shall not cover the template' prepare EXTRACTED=yes LEAST_DICE=0 REGISTER="cp '$T/known.txt' \"\$\$work/xfm.txt\""
is 'what was made needs none' "$(find "$O/logs" -name '*.png')" ''
expect_exit 2 'no template' prepare BRAIN=/none
like 'no template: is told' "$(tail -n 1 "$O/failed.tsv" | tr '\t' '|')" '\|66\|prepare: /none: cannot be read .Debian package mricron-data.$'
expect_exit 2 'EXTRACTED that is no choice' prepare EXTRACTED=perhaps
like 'no choice: is told' "$(tail -n 1 "$O/failed.tsv" | tr '\t' '|')" '\|extract\|64\|prepare: EXTRACTED=perhaps: neither auto, yes nor no$'
finish
