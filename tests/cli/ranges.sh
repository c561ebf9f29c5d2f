# Every tool takes the values at the bounds of its options, and refuses those next to them outside, on one line that says option and range.
. tests/lib.sh
probe=$BUILD/tests/tools/cli-probe
for t in tools/*.c; do
	t=$(basename "$t" .c)
	"$t" --interface > "$T/$t.json"
done
"$probe" --interface > "$T/cli-probe.json"
# tool, option, value, what is to become of it, the range in words
python3 - "$T"/*.json > "$T/cases" << 'E2'
import json, math, sys
for path in sys.argv[1:]:
    tool = json.load(open(path))
    for o in tool["options"]:
        whole, low, high, given = o["type"] == "integer", o["from"], o["to"], o["default"]
        def case(value, good):
            print(tool["name"], o["long"], value, "taken" if good else "refused", o["range"], sep="\t")
        if o["type"] not in ("integer", "number"):
            assert low is None and high is None and o["range"] is None, o
            continue
        assert (low is None) == (o["range"] is None) and (low is not None or high is None), o
        def next_to(bound, way):
            return bound + way if whole else math.nextafter(bound, way * math.inf)
        for bound, way, excluded in (low, -1, o["from_excluded"]), (high, 1, o["to_excluded"]):
            if bound is None:
                continue
            case(bound, not excluded)
            case(next_to(bound, way), False)
            case(next_to(bound, -way), low != high)
            assert given is None or given * way < bound * way or given == bound and not excluded, o
E2
is 'the ranges of all tools are told, and hold their defaults' $? 0
while IFS=$'\t' read -r t option value verdict range; do
	command=$t
	[ "$t" != cli-probe ] || command=$probe
	if [ "$verdict" = taken ]; then
		expect_exit 0 "$t --$option=$value" "$command" "--$option=$value" --help
	else
		refuses 64 "$t --$option=$value" "$command" "--$option=$value" --help
		is "$t --$option=$value: says what is in range" "$(cat "$T/err")" "$t: --$option: $value is out of range: $range"
	fi
done < "$T/cases"
# the test itself has something to try: the threads of every tool, and more
tools=$(find tools -name '*.c' | wc -l) cases=$(wc -l < "$T/cases")
if [ "$cases" -gt $((4 * tools + 60)) ]; then ok 'values at bounds'; else not_ok 'values at bounds' "$cases cases of $tools tools"; fi
finish
