#!/bin/bash
# 200 records flow through the whole pipe, scan to scan, with flat memory in every stage: the peak of each tool is that of a pipe of 20.
. tests/lib.sh
. tests/training.sh
. tests/tiny-model.sh
if grep -q __asan_init "$BUILD/lat-denoise" || [ ! -x /usr/bin/time ]; then
	skip 'flat memory in every stage' 'needs GNU time and no sanitizers'
	finish
fi
for i in $(seq 200); do
	ln -s "${scans[i % 4]}" "$T/flow-$i.nii"
done
# stage NAME TOOL OPTION...: with its peak in kB in $T/NAME.kb
stage() {
	local name=$1
	shift
	/usr/bin/time -f %M -o "$T/$name.kb" "$@"
}
# flow N: N scans through the pipe; names and peaks
flow() {
	local m=(-q -m "$T/model")
	rm -rf "$T/out"
	mkdir "$T/out"
	for i in $(seq "$1"); do echo "$T/flow-$i.nii"; done > "$T/files.txt"
	xargs -a "$T/files.txt" /usr/bin/time -f %M -o "$T/1-nii2lat.kb" nii2lat "${m[@]}" | stage 2-sem-encode sem-encode "${m[@]}" |
		stage 3-invert lat-denoise "${m[@]}" --invert -s 2 | stage 4-sample lat-denoise "${m[@]}" -s 2 |
		stage 5-lat2nii lat2nii "${m[@]}" --native -o "$T/out/{id}.nii"
	for kb in "$T"/?-*.kb; do echo "$(basename "$kb" .kb) $(tail -n 1 "$kb")"; done
}
flow 20 > "$T/few"
flow 200 > "$T/many"
is 'all of them arrive' "$(ls "$T/out" | wc -l)" 200
while read -r name few _ many; do
	if [ $((many)) -gt 1000 ] && [ $((many)) -lt $((few + few / 10 + 1000)) ]; then ok "$name: $few kB for 20, $many kB for 200"; else not_ok "$name: $few kB for 20, $many kB for 200"; fi
done < <(paste -d' ' "$T/few" "$T/many")
finish
