#!/bin/bash
# --math fast beside exact on real scans that nothing was learned from, through the whole of the shipped model: what becomes of the likeness (SSIM in
# the brain) of the scan that comes out. A user should not see a difference: less than .0005 is asked.
. tests/lib.sh
need_shared data/oasis1_NC 'fast against exact' || finish
# score SCAN MATH: of what 10 + 10 calls bring back
score() {
	local scale
	nii2lat -q --math "$2" "$1" | tee "$T/x.lat" | sem-encode --math "$2" | lat-denoise -q --math "$2" --invert -s 10 | lat-denoise -q --math "$2" -s 10 |
		lat2nii -q --math "$2" -f -o "$T/made.nii" || return
	scale=$(lat-info --json "$T/x.lat" | sed -n 's/.*"scale":\([-+0-9.e]*\).*/\1/p')
	lat2nii --grid-only -f -o "$T/x.nii" "$T/x.lat" && nii-score --range "$scale" --mask brain "$T/x.nii" "$T/made.nii"
}
for scan in $(find "$SHARED/data/oasis1_NC" -name '*_T1w.nii.gz' | sort | head -n 4); do
	for math in exact fast; do
		score "$scan" $math > "$T/$math" || not_ok "$(basename "$scan"), $math" "$(cat "$T/$math")"
	done
	exact=$(tail -n 1 "$T/exact" | cut -f 3) fast=$(tail -n 1 "$T/fast" | cut -f 3)
	is "$(basename "$scan"): SSIM $exact exact, $fast fast" \
		"$(awk -v a="$exact" -v b="$fast" 'BEGIN { d = a - b; print (a > .5 && d < .0005 && d > -.0005 ? "as near as asked" : "too far") }')" 'as near as asked'
done
finish
