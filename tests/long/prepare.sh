# pipelines/prepare.mk on real scans: 6 that come as brains, whose registered versions are known, and 4 whole heads.
. tests/lib.sh
need_shared data/ds002748/raw 'prepare.mk on real scans' && need_shared data/ds000011/raw 'prepare.mk on whole heads' || finish
command -v elastix > /dev/null || { skip 'prepare.mk on real scans' 'no elastix'; finish; }
export OMP_NUM_THREADS=1
unset BIDS FILES OUT SUBJECTS SESSIONS MODEL JOBS THREADS
D=$SHARED/data mask=$SHARED/data/templates/icbm152_2009c_1mm_brainmask.nii.gz
prepare() { # STUDY
	ls "$D/$1"/raw/*_T1w.nii.gz > "$T/$1.txt"
	expect_exit 0 "$1: all are made" make -s -f pipelines/prepare.mk FILES="$T/$1.txt" OUT="$T/$1"
}
# value COLUMN ID STUDY: of the table of scores
value() { awk -F '\t' -v c="$1" -v id="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == c) k = i } index($1, id "_") == 1 { print $k }' "$T/$3/desc-prepare_scores.tsv"; }
within() { awk -v v="$1" -v a="$2" -v b="$3" 'BEGIN { print (v >= a && v <= b ? "yes" : v) }'; }
# on_grid SCAN OUT: as the model's first stage sees it
on_grid() { nii2lat --grid-only --id x "$1" | lat2nii --grid-only --unit -f -o "$2"; }
measure() { nii-mask --measure --reference "$1" "$2" | awk -F '\t' -v c="$3" 'NR == 2 { print $c }'; }

# ---- the judge: nothing is said of a scan that lies right, and of what is moved ----
for study in ds002748 ds000011 ds002790_ds000247 oasis1_NC; do
	need_shared data/$study/mni "$study: registered brains" || continue
	nii-judge "$D/$study"/mni/*_T1w.nii.gz > "$T/judged.tsv"
	is "$study: nothing is said of scans that lie right" "$(awk -F '\t' 'NR > 1 && $5 != "n/a" { print $1, $5 }' "$T/judged.tsv")" ''
done
bash tests/moved.sh "$D"/ds002748/mni/sub-{02,11,29,56}_*T1w.nii.gz "$D"/ds000011/mni/sub-{01,07}_*T1w.nii.gz \
	"$D"/ds002790_ds000247/mni/sub-omega000{2,3}_*T1w.nii.gz > "$T/moved.tsv"
sed 's/^/# /' "$T/moved.tsv"
is 'of all that is moved far it is said' "$(awk -F '\t' '$1 ~ /_(10|20)(_mm)?$|down|back|axes|smaller|larger/ && $9 != $2' "$T/moved.tsv")" ''
is 'turned by 20 degrees or more, or moved by 20 mm: no likeness' "$(awk -F '\t' '$1 ~ /_20|down$|back|axes/ && $5 >= .68' "$T/moved.tsv")" ''
is 'of scans that lie right nothing is said, nor of mirrored ones' "$(awk -F '\t' '/^(as_they|mirrored)/ && $9 != 0' "$T/moved.tsv")" ''

for study in ds002748 ds000011; do
	prepare $study
	while read -r scan; do
		id=${scan##*/} id=${id%%_*}
		out=$T/$study/$id/anat/${id}_desc-prepare_T1w.nii.gz
		is "$study $id: is it a brain already?" "$(value extracted "$id" $study)" "$([ $study = ds002748 ] && echo 1 || echo 0)"
		is "$study $id: litres" "$(within "$(value litres "$id" $study)" 1.1 1.7)" yes
		is "$study $id: in the space of the models" "$(nii2lat --grid-only -f -o "$T/x.lat" "$out" 2>&1)" ''
		dice=$(measure "$mask" "$out" 3)
		echo "# $study $id: $(value litres "$id" $study) l, Dice with Colin27 $(value dice "$id" $study), with ICBM 152 $dice"
		if [ $study = ds002748 ]; then
			known=$D/$study/mni/${id}_space-MNI152NLin2009c_T1w.nii.gz
			on_grid "$known" "$T/known.nii"
			on_grid "$out" "$T/made.nii"
			correlation=$(measure "$known" "$out" 4) model=$(measure "$T/known.nii" "$T/made.nii" 4)
			echo "# $study $id: correlation with the known one in the brain: on its grid $correlation, on the model's $model"
			# on its own grid the known one was sampled by splines without smoothing: its noise tells more than where it lies
			is "$study $id: like the known one for the model" "$(within "$model" .98 1)" yes
		else
			is "$study $id: covers the template it was registered with" "$(within "$(value dice "$id" $study)" .93 1)" yes
			is "$study $id: covers ICBM 152" "$(within "$dice" .91 1)" yes
		fi
	done < "$T/$study.txt"
done

# headers that are wrong: a brain back to front, one with its axes exchanged, a head upside down; what comes out is as of the right ones
mkdir "$T/wrong"
turn() { # MATRIX SCAN ID
	nii-transform --linear <(printf '%s\n' "$1") "$2" | gzip -1 > "$T/wrong/$3_T1w.nii.gz"
	echo "$T/wrong/$3_T1w.nii.gz" >> "$T/wrong.txt"
}
turn '-1 0 0 0 0 -1 0 -40 0 0 1 0' "$D/ds002748/raw/sub-05_T1w.nii.gz" sub-05
turn '0 1 0 0 0 0 1 0 1 0 0 0' "$D/ds002748/raw/sub-40_T1w.nii.gz" sub-40
turn '1 0 0 0 0 -1 0 -40 0 0 -1 0' "$D/ds000011/raw/sub-02_T1w.nii.gz" sub-02
expect_exit 0 'wrong headers: all are made' make -s -f pipelines/prepare.mk FILES="$T/wrong.txt" OUT="$T/wrong"
is 'wrong headers: each is told' "$(grep -l "header's orientation is wrong" "$T"/wrong/sub-*/anat/*.json | wc -l)" 3
for id in sub-05 sub-40 sub-02; do
	study=$([ $id = sub-02 ] && echo ds000011 || echo ds002748)
	echo "# wrong header of $id: likeness $(value likeness $id wrong), of the right one $(value likeness $id $study)"
	is "wrong header of $id: as of the right one" "$(within "$(awk -v a="$(value likeness $id wrong)" -v b="$(value likeness $id $study)" 'BEGIN { print a - b }')" -.02 .02)" yes
	is "wrong header of $id: as large" "$(within "$(awk -v a="$(value litres $id wrong)" -v b="$(value litres $id $study)" 'BEGIN { print a / b }')" .97 1.03)" yes
done

# back in the scan's own space: one that is stored from right to left, one that has a qform alone and is oblique
for id in sub-02 sub-40; do
	scan=$D/ds002748/raw/${id}_T1w.nii.gz
	expect_exit 0 "$id: carried back" make -s -f pipelines/prepare.mk carry-back SCAN="$scan" OUT="$T/back.nii.gz" \
		PREPARED="$T/ds002748/$id/anat/${id}_desc-prepare_T1w.nii.gz"
	echo "# $id: $(tail -n 1 "$T/out")"
	is "$id: onto itself" "$(within "$(sed -n 's/^correlation //p' "$T/out")" .85 1)" yes
done
finish
