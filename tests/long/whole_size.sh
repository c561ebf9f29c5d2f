#!/bin/bash
# The published size from scan to scan: 128x160x128 voxels, ldae.json with generated weights, one pipe through all tools with 10 calls of the
# diffusion network each way. All stages together stay below 12 GB, the weights of 3.4 GB are mapped: two processes that work with them at
# once share them. What comes out is a scan with the geometry of what went in. Some five minutes on two cores.
. tests/lib.sh
. tests/parity.sh
need_reference 'the published size from scan to scan'
scan=data/ds002748/mni/sub-01_space-MNI152NLin2009c_T1w.nii.gz
need_shared "$scan" 'the published size from scan to scan' || finish
reference init tests/oracle/ldae.json "$T/model" --seed "$seed"

# held KEY: kilobytes of this key (Pss, Rss) that our processes hold now, all together
held() {
	local pid
	for pid in $(pgrep -g 0 -x 'nii2lat|sem-encode|lat-denoise|lat2nii'); do cat "/proc/$pid/smaps_rollup" 2> /dev/null; done |
		awk -v key="$1:" '$1 == key { sum += $2 } END { print sum + 0 }'
}
# watch PID: until it ends; the most of Pss, and Rss at that time, in MB
watch() {
	local pss most=0 rss=0
	while kill -0 "$1" 2> /dev/null; do
		pss=$(held Pss)
		[ "$pss" -le "$most" ] || { most=$pss; rss=$(held Rss); }
		sleep .3
	done
	echo "$((most >> 10)) $((rss >> 10))"
}
few=(-q -m "$T/model" --any-model)
through() {
	nii2lat "${few[@]}" "$SHARED/$scan" | sem-encode "${few[@]}" | lat-denoise "${few[@]}" --invert --solver ddim -s 10 |
		tee "$T/codes.lat" | lat-denoise "${few[@]}" --solver ddim -s 10 | lat2nii "${few[@]}" --native -o "$T/back.nii"
}
begin=$SECONDS
through 2> "$T/err" &
read -r most _ < <(watch $!)
wait $! && ok "scan to scan in $((SECONDS - begin)) s" || not_ok 'scan to scan' "$(cat "$T/err")"
if [ "$most" -gt 3000 ] && [ "$most" -lt 12000 ]; then ok "all stages together hold $most MB"; else not_ok "all stages together hold $most MB"; fi
is 'the geometry is the scan'"'"'s' "$(cmp -l -n 348 <(gzip -dc "$SHARED/$scan") "$T/back.nii" | awk '$1 > 76 && $1 <= 108 || $1 > 252 && $1 <= 328' | wc -l)" 0
lat2npy -n zT -o "$T/zT.npy" "$T/codes.lat"
is 'the code is finite, and of the published shape' "$(/usr/bin/python3 -c '
import sys, numpy as np
z = np.load(sys.argv[1]); print(z.shape, bool(np.isfinite(z).all()), bool(z.std() > .1))' "$T/zT.npy")" '(3, 16, 20, 16) True True'

two() {
	lat-denoise "${few[@]}" --solver ddim -s 3 -j 1 "$T/codes.lat" > "$T/one.lat" &
	lat-denoise "${few[@]}" --solver ddim -s 3 -j 1 "$T/codes.lat" > "$T/other.lat"
	wait
}
two &
read -r pss rss < <(watch $!)
wait $!
# each alone holds its weights: twice 3.3 GB in Rss
if [ $((rss - pss)) -gt 3000 ]; then ok "two processes hold $pss MB: $rss MB each on its own count, the weights once"; else not_ok "two processes hold $pss MB, $rss MB each on its own count"; fi
holds 'and make the same' cmp "$T/one.lat" "$T/other.lat"
finish
