# pipelines/prepare.mk on Colin27, turned, moved and shrunk by a matrix that is known: is it found?
. tests/lib.sh
templates=/usr/share/mricron/templates
if [ ! -e $templates/ch2bet.nii.gz ]; then
	skip 'a brain that was moved' 'no mricron-data'
	finish
fi
export OMP_NUM_THREADS=1
# ---- the judge on Colin27's brain, where the models' lie, and moved from there; about the middle of the brain ----
nii-transform --linear pipelines/prepare/colin-to-mni.txt $templates/ch2bet.nii.gz | nii-transform --spacing 3 -o "$T/colin.nii" -
while read -r concern name a b c d e f g h i j k l; do
	echo "$a $b $c $d $e $f $g $h $i $j $k $l" > "$T/move.txt"
	nii-transform --linear "$T/move.txt" -f -o "$T/moved.nii" "$T/colin.nii"
	got=$(nii-judge "$T/moved.nii" | tail -n 1 | cut -f 5)
	case $concern in
	none) is "$name: nothing is said" "$got" n/a ;;
	small) like "$name: what would make it more alike" "$got" '^does not look like a registered brain: more like the mean brain if it were' ;;
	far) like "$name: far off" "$got" '^does not look like a registered brain: SSIM with the mean brain 0[.]' ;;
	esac
done << 'E2'
none as_it_lies 1 0 0 0  0 1 0 0  0 0 1 0
none mirrored -1 0 0 0  0 1 0 0  0 0 1 0
small nose_up_by_10_degrees 1 0 0 0  0 .98481 -.17365 1.2  0 .17365 .98481 4
small nose_left_by_10_degrees .98481 -.17365 0 -3.8  .17365 .98481 0 0  0 0 1 0
far nose_up_by_20_degrees 1 0 0 0  0 .93969 -.34202 1.8  0 .34202 .93969 8.1
far back_to_front -1 0 0 0  0 -1 0 -44  0 0 1 0
far upside_down 1 0 0 0  0 -1 0 -44  0 0 -1 18
far axes_exchanged 0 1 0 22  0 0 1 -31  1 0 0 9
far right_by_20_mm 1 0 0 20  0 1 0 0  0 0 1 0
far smaller .85 0 0 0  0 .85 0 -3.3  0 0 .85 1.3
E2
like 'nii2lat says the same' "$(nii-transform --linear <(echo '1 0 0 0 0 .93969 -.34202 1.8 0 .34202 .93969 8.1') "$T/colin.nii" | nii2lat --grid-only --id a -o "$T/a.lat" - 2>&1)" \
	'^nii2lat: -: does not look like a registered brain: SSIM with the mean brain'
is 'and nothing of one that lies right' "$(nii2lat --grid-only --id a -f -o "$T/a.lat" "$T/colin.nii" 2>&1)" ''
mkdir "$T/without" && cp models/brain3mm/autoencoder.safetensors "$T/without"
refuses 66 'a model without a mean' nii-judge -m "$T/without" "$T/colin.nii"
is 'with which nii2lat does not judge' "$(nii-transform --linear <(echo '-1 0 0 0 0 -1 0 -44 0 0 1 0') "$T/colin.nii" | nii2lat --grid-only -m "$T/without" --id a -f -o "$T/a.lat" - 2>&1)" ''
expect_exit 1 'a bound that is not reached' nii-judge --min .99 "$T/colin.nii"
expect_exit 0 'a bound that is' nii-judge --min .8 "$T/colin.nii"
is 'as JSON' "$(nii-judge --json "$T/colin.nii" | python3 -c 'import json, sys; d = json.load(sys.stdin); print(len(d), d[0]["concern"], d[0]["ssim"] > .8 > d[0]["best"])')" '1 None True'
refuses 64 'the turn of two scans' nii-judge --turn "$T/colin.nii" "$T/colin.nii"

if ! command -v elastix > /dev/null || [ ! -e $templates/ch2.nii.gz ]; then
	skip 'prepare.mk' 'no elastix or no mricron-data'
	finish
fi
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

# ---- a brain whose header is wrong: back to front; elastix gets little to do, for which way up it lies is found before ----
real=$(command -v elastix)
mkdir "$T/bin" "$T/it's [a] folder"
cat > "$T/bin/elastix" << E2
#!/bin/bash
mkdir -p '$T/short'
for p in pipelines/prepare/{rigid,affine}.txt; do
	sed 's/^(MaximumNumberOfIterations .*/(MaximumNumberOfIterations 60)/; s/^(NumberOfResolutions .*/(NumberOfResolutions 1)/
		s/^(ImagePyramidSchedule .*/(ImagePyramidSchedule 8 8 8)/; s/^(WriteResultImage .*/(WriteResultImage "false")/' "\$p" > "$T/short/\${p##*/}"
done
new=()
for word; do
	[[ \$word != */prepare/*.txt ]] || word=$T/short/\${word##*/}
	new+=("\$word")
done
exec '$real' "\${new[@]}"
E2
chmod +x "$T/bin/elastix"
printf '%s\n' '-1 0 0 5' '0 -1 0 -30' '0 0 1 0' > "$T/back-to-front.txt"
nii-transform --linear "$T/back-to-front.txt" -o "$T/it's [a] folder/sub-3_T1w.nii.gz" "$S/sub-1_T1w.nii.gz"
echo "$T/it's [a] folder/sub-3_T1w.nii.gz" > "$T/list"
O=$T/turned
PATH=$T/bin:$PATH expect_exit 0 'back to front, in a folder with a name' prepare
like 'back to front: is said' "$(cat "$T/err")" "the header's orientation is wrong: the brain lies turned by 1[78][0-9].[0-9] degrees, and is set upright"
is 'back to front: and right' "$(within "$(value likeness sub-3)" .8 1)" yes
like 'back to front: how' "$(sed -n 2,4p "$O/sub-3/anat/sub-3_desc-prepare_brain-turn.txt" | tr '\n' ' ')" '^-(1|0\.9)[0-9. -]* (0|-0\.[01])[0-9. -]* -(1|0\.9)'

# ---- what is background? ----
python3 - "$S" << 'E2'
import array, gzip, sys
b = gzip.open(sys.argv[1] + '/sub-1_T1w.nii.gz').read()
v = array.array('f', b[352:])
n, top, mean = len(v), max(v), sum(v) / len(v)
inside = [x for x in v if x]
m = sum(inside) / len(inside)
sd = (sum((x - m) ** 2 for x in inside) / len(inside)) ** .5
def save(name, f):
    gzip.open('%s/sub-%s_T1w.nii.gz' % (sys.argv[1], name), 'wb', 1).write(b[:352] + array.array('f', [f(i, x) for i, x in enumerate(v)]).tobytes())
save('soft', lambda i, x: x if x else top * .01 * ((i * 7919) % 101 - 50) / 50)
save('mean', lambda i, x: (x - mean) / sd)
save('standard', lambda i, x: (x - m) / sd if x else 0)
E2
echo '1 0 0 0 0 1 0 0 0 0 1 0' > "$T/none.txt"
for k in 1 soft mean standard; do echo "$S/sub-${k}_T1w.nii.gz"; done > "$T/list"
O=$T/backgrounds
expect_exit 0 'backgrounds' prepare REGISTER="cp '$T/none.txt' \"\$\$work/xfm.txt\"" \
	JUDGE='nii-mask --measure "$$work/mask.nii.gz" | awk "NR == 2 { print \"litres\", \$$2 }"; cat "$$work/extracted"'
litres=$(value litres sub-1)
for k in soft mean standard; do
	is "$k: is a brain" "$(value extracted sub-$k)" 1
	is "$k: all of it" "$(awk -v a="$(value litres sub-$k)" -v b="$litres" 'BEGIN { print (a > .99 * b && a < 1.01 * b ? "yes" : a " of " b) }')" yes
	is "$k: like it" "$(within "$(nii-mask --measure --reference "$S/sub-1_T1w.nii.gz" "$O/sub-$k/anat/sub-${k}_desc-prepare_T1w.nii.gz" | awk 'NR == 2 { print $4 }')" .99 1)" yes
done
like 'a mean is no background: said' "$(cat "$T/err")" 'the background is -0[.][0-9]*; it becomes 0'
like 'nor the middle of a brain: said' "$(cat "$T/err")" 'of the brain are darker than the background .standardised intensities'
O=$T/grown
echo '1.8 0 0 0 0 1.4 0 0 0 0 1.4 0' > "$T/grow.txt"
echo "$S/sub-1_T1w.nii.gz" > "$T/list"
expect_exit 2 'what no brain grows' prepare REGISTER="cp '$T/grow.txt' \"\$\$work/xfm.txt\"" LEAST_DICE=.1 LEAST_LIKENESS=.01
like 'what no brain grows: said' "$(tail -n 1 "$O/failed.tsv" | tr '\t' '|')" '\|judge\|65\|prepare: the registration made the brain 3.528 times as large'

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
like 'no template: is told' "$(tail -n 1 "$O/failed.tsv" | tr '\t' '|')" '\|66\|prepare: /none: cannot be read .Debian package mricron-data\)( .what was made before|$)'
expect_exit 2 'EXTRACTED that is no choice' prepare EXTRACTED=perhaps
like 'no choice: is told' "$(tail -n 1 "$O/failed.tsv" | tr '\t' '|')" '\|extract\|64\|prepare: EXTRACTED=perhaps: neither auto, yes nor no( .what was made before|$)'
finish
