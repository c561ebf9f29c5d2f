# The EXAMPLES of the man pages run as they are printed, with the model that comes with the project, and complain of nothing; what those of
# nii-score print is right.
. tests/lib.sh
export OMP_NUM_THREADS=1
BUILD=$(cd "$BUILD" && pwd)
# all others in tests/long
[ -n "${PAGES:-}" ] || PAGES=$(echo man/{nii2lat,lat2nii,nii-mask,nii-transform,nii2png}.1 man/latpipe.7)
colin=/usr/share/mricron/templates/ch2bet.nii.gz
if [ ! -e "$colin" ]; then
	skip 'examples' 'no mricron-data'
	finish
fi
# examples PAGE FOLDER: each example as a script FOLDER/N: a display of literal lines, or a line behind a $
examples() {
	awk -v folder="$2" '
		function put(line) { gsub(/\\e/, "\\", line); gsub(/\\\(dq/, "\"", line); gsub(/\\-/, "-", line); print line > (folder "/" n) }
		/^\.Sh/ { on = $2 == "EXAMPLES"; next }
		!on { next }
		/^\.Bd -literal/ { n++; inside = 1; next }
		/^\.Ed/ { inside = 0; next }
		inside { put($0); next }
		sub(/^\.Dl (\$ )?/, "") { n++; put($0) }' "$1"
}

# what the examples take for granted
mkdir "$T/have" "$T/bin"
cd "$T/have" || exit
mkdir changed out draws z study
nii-transform --spacing 3 -o scan.nii.gz "$colin"
nii-mask --above 60 -o mask.nii.gz scan.nii.gz
for name in sub-01_T1w sub-02_T1w new template mni brain; do ln scan.nii.gz $name.nii.gz; done
for name in gm probability; do ln mask.nii.gz $name.nii.gz; done
printf '1 0 0 2\n0 1 0 0\n0 0 1 -1\n' > to-mni.txt
nii2lat --id sub-01 scan.nii.gz | sem-encode | lat-denoise --invert -s 2 > codes.lat
nii2lat --id sub-02 --months 24 scan.nii.gz | sem-encode | lat-denoise --invert -s 2 > after.lat
cat codes.lat after.lat > all.lat
for name in sub-01 in a scan; do ln codes.lat $name.lat; done
nii2lat --id sub-01 --months 0 scan.nii.gz | sem-encode | lat-denoise --invert -s 2 > before.lat
ln after.lat b.lat
for name in scans train test; do ln all.lat $name.lat; done
cp "$(dirname "$BUILD")/pipelines/brain3mm.json" model.json
printf 'sub-01\n' > train.txt
printf 'sub-02\n' > validation.txt
lat2npy -n z -o z.npy sub-01.lat
lat2npy -n z -o 'changed/{id}.npy' all.lat
ln z.npy new.npy
ln -s "$(dirname "$BUILD")/models/brain3mm" MODEL
ln MODEL/age.safetensors . 2> /dev/null || cp MODEL/age.safetensors .
lat-cut -n y sub-01.lat > record.lat
echo '{"Name": "s", "BIDSVersion": "1.8.0"}' > study/dataset_description.json
for s in 01 02; do mkdir -p study/sub-$s/anat && ln scan.nii.gz study/sub-$s/anat/sub-${s}_T1w.nii.gz; done
cd - > /dev/null || exit
# few calls of the diffusion model unless an example says how many
printf '#!/bin/bash\nexec "%s/lat-denoise" -s 2 "$@"\n' "$BUILD" > "$T/bin/lat-denoise"
chmod +x "$T/bin/lat-denoise"

# run PAGE: its examples in order, in a folder with the files that all examples may use
run() {
	local page=$1 name=${1##*/} i=1 status
	cp -r "$T/have" "$T/$name"
	mkdir "$T/$name.examples"
	examples "$page" "$T/$name.examples"
	# what they write is not there yet
	(cd "$T/$name" && grep -oh -e '-o [^ ]*' "$T/$name.examples"/* | cut -c 4- | xargs -r rm -f)
	[ -e "$T/$name.examples/1" ] || not_ok "$name: has examples"
	while [ -e "$T/$name.examples/$i" ]; do
		# pipelines have tests of their own
		if ! grep -q '^make ' "$T/$name.examples/$i"; then
			(cd "$T/$name" && PATH="$T/bin:$PATH" bash -e "$T/$name.examples/$i" > "$T/$name.out" 2> "$T/err")
			status=$?
			# what it tells of a range is no complaint
			sed -i '/: the range is taken from its values, /d' "$T/err"
			if [ "$status" -eq 0 ] && [ ! -s "$T/err" ]; then
				ok "$name: example $i"
			else
				not_ok "$name: example $i" "$(cat "$T/$name.examples/$i")"$'\n'"status $status: $(head -n 3 "$T/err")"
			fi
		fi
		i=$((i + 1))
	done
}
run man/nii-score.1
# the same scans in the model's units, whose range is 1
lat2nii --unit --grid-only -o "$T/unit.nii" "$T/nii-score.1/scan.lat"
lat2nii --unit -o "$T/unit-back.nii" "$T/nii-score.1/scan.lat"
is 'nii-score: scores do not depend on the units' "$(paste "$T/nii-score.1.out" <(nii-score --mask brain "$T/unit.nii" "$T/unit-back.nii") |
	awk -F '\t' 'NR == 2 { d = $3 - $9; p = $6 - $12; print (d * d < 1e-5), (p * p < 1), ($9 > .9) }')" '1 1 1'
for page in $PAGES; do run "$page"; done
finish
