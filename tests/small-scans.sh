# For the tests of the trainers: four small scans, the last held out, and a run that is stopped. The script writes "$T/c.json".
export OMP_NUM_THREADS=1
for i in 1 2 3 4; do
	"$BUILD/tests/tools/make-nii" "$T/sub-0${i}_T1w.nii" mm=4 scale=1.$i
done
scans=("$T"/sub-0?_T1w.nii)
echo sub-04 > "$T/held.txt"

# stopped FOLDER TRAINER OPTION...: a run that gets SIGTERM after its third step; its exit status
stopped() {
	local folder=$1
	shift
	mkdir -p "$folder"
	"$@" -q -c "$T/c.json" --validation "$T/held.txt" -o "$folder" "${scans[@]}" &
	for _ in $(seq 1200); do
		[ "$(wc -l < "$folder/log.tsv" 2> /dev/null || echo 0)" -lt 4 ] || break
		sleep .05
	done
	kill -TERM $!
	wait $!
}
