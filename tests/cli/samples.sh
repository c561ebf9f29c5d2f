# formats/samples: what is valid is taken by everybody, what is broken is refused with its own message, in little time and memory.
. tests/lib.sh
samples=formats/samples
asan=$(nm "$BUILD/lat-check" 2> /dev/null | grep -c ' __asan_init$')

while IFS=$'\t' read -r file status message; do
	if [ "$status" -eq 0 ]; then
		expect_exit 0 "$file is accepted" lat-check "$samples/$file"
		is "$file: lat-check is silent" "$(cat "$T/out" "$T/err")" ''
		holds "$file: zstd accepts it" zstd -tq "$samples/$file"
		expect_exit 0 "$file: copied" lat-cut --no-history -o "$T/copy.lat" "$samples/$file"
		is "$file: nothing is lost in the copy" "$(lat-info --json "$T/copy.lat")" "$(lat-info --json "$samples/$file")"
		rm -f "$T/copy.lat"
		continue
	fi
	refuses "$status" "$file is refused" lat-check "$samples/$file"
	like "$file: why" "$(cat "$T/err")" "^lat-check: .*$message"
	if [[ $file != @(frame-checksum|not-finite).lat ]]; then # what only a look into the elements can tell
		refuses "$status" "$file: lat-cut refuses it too" lat-cut -o "$T/copy.lat" "$samples/$file"
		is "$file: and leaves no file" "$(ls -A "$T" | tr '\n' ' ')" 'err out '
	fi
	if [ "$asan" -eq 0 ] && [ -x /usr/bin/time ]; then
		/usr/bin/time -f '%M %e' -o "$T/time" lat-check "$samples/$file" 2> /dev/null
		read -r kb seconds < <(tail -n 1 "$T/time")
		is "$file: under 100 MB and 1 s" "$(awk -v k="$kb" -v s="$seconds" 'BEGIN { print k < 1e5 && s < 1 }')" 1
		rm -f "$T/time"
	fi
done < $samples/samples.tsv
is 'every sample is in the table' "$(cd $samples && ls ./*.lat | sed 's,./,,' | sort | tr '\n' ' ')" "$(cut -f1 $samples/samples.tsv | sort | tr '\n' ' ')"
for s in one types-none types-shuffle ranks not-finite parts; do
	lat-info --stats $samples/$s.lat > "$T/$s.tsv"
	is "$s.lat: its numbers" "$(cut -f1-5,8- "$T/$s.tsv")" "$(cat tests/golden/sample-$s.tsv)"
done
finish
