# The project builds without warnings with gcc and clang, and the same source gives the same bytes in any folder.
. tests/lib.sh
copy() { mkdir -p "$1" && git ls-files -z | xargs -0 cp --parents -t "$1"; }
build() { make -s -j2 -C "$1" BUILD=build CC="$2" test-programs > "$T/log" 2>&1 && ! grep -E 'warning|error' "$T/log"; }
for cc in gcc clang; do
	if ! command -v $cc > /dev/null; then
		skip "$cc" 'not installed'
		continue
	fi
	copy "$T/one/$cc"
	copy "$T/another/folder/$cc"
	if build "$T/one/$cc" $cc; then ok "$cc: builds without warnings"; else not_ok "$cc: builds without warnings" "$(grep -E 'warning|error' "$T/log")"; fi
	build "$T/another/folder/$cc" $cc
	for t in tools/*.c; do
		t=$(basename "$t" .c)
		if cmp -s "$T/one/$cc/build/$t" "$T/another/folder/$cc/build/$t"; then ok "$cc: $t is the same elsewhere"; else not_ok "$cc: $t is the same elsewhere"; fi
	done
done
finish
