# lib/cli, through a tool that has an option of every kind.
. tests/lib.sh
probe=$BUILD/tests/tools/cli-probe
# has NAME KEY VALUE TEXT: the JSON on one line has this pair
has() { case $4 in *"\"$2\":$3"[,}]*) ok "$1" ;; *) not_ok "$1" "no \"$2\":$3 in $4" ;; esac; }
# gives NAME KEY VALUE ARGUMENT...
gives() { has "$1" "$2" "$3" "$("$probe" -q "${@:4}")"; }
gives 'short option, value apart' steps 3 -s 3 a
gives 'short option, value attached' steps 3 -s3 a
gives 'bundled: flag, then option with value' steps 7 -xs7 a
gives 'bundled: the flag counts' flag true -fxs7 a
gives 'long option, value apart' steps 4 --steps 4 a
gives 'long option with =' steps 5 --steps=5 a
gives 'the last one wins' steps 6 -s 1 --steps=6 a
gives 'negative number' steps -8 -s -8 a
gives 'largest whole number' steps 9223372036854775807 -s 9223372036854775807 a
gives 'whole number not given' seed null a
gives 'whole number 0 is given' seed 0 --seed 0 a
gives 'real number' share 0.25 --share=.25 a
gives 'real number not given' share null a
gives 'options after operands' operands '["a","b"]' a -x b
gives 'the rest are operands after --' operands '["a","-x"]' -- a -x
gives '- is an operand' operands '["-"]' -
gives 'a value may look like an option' output '"-x"' -o -x a
gives 'choice' solver '"dpmpp2m"' --solver dpmpp2m a
gives 'file or word takes anything' mask '"m.nii"' --mask m.nii a
gives '{id} in names' expanded '"sub-1/sub-1.nii"' '{id}/{id}.nii'
gives 'name without {id}' expanded '"{i}d"' '{i}d'
gives 'threads' threads 3 -j3 a
has 'threads from OMP_NUM_THREADS' threads 5 "$(OMP_NUM_THREADS=5,2 "$probe" -q a)"
has '-j before OMP_NUM_THREADS' threads 2 "$(OMP_NUM_THREADS=5 "$probe" -qj 2 a)"
cores=$(lat-host | tail -n 1 | cut -f 1)
if [ "$cores" -ge 1 ] && [ "$cores" -le "$(env -u OMP_NUM_THREADS nproc)" ]; then ok 'lat-host: at most all processors'; else not_ok 'lat-host: at most all processors' "$cores"; fi
is 'lat-host: those that it may run on' "$(taskset -c "$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')" lat-host | tail -n 1 | cut -f 1)" 1
has 'threads: all cores' threads "$cores" "$("$probe" -q a)"
has 'threads: all cores when the environment has nonsense' threads "$cores" "$(OMP_NUM_THREADS=many "$probe" -q a)"
version=$(sed -n 's/^VERSION := //p' Makefile)
gives 'history without options' history "{\"options\":{},\"tool\":\"cli-probe\",\"version\":\"$version\"}" -v -j2 a
gives 'history: what changes the result and is not the default' history \
	"{\"options\":{\"flag\":true,\"math\":\"exact\",\"scale\":0.5},\"tool\":\"cli-probe\",\"version\":\"$version\"}" \
	-x --math exact --scale .5 -s 100 --mask m a
gives '--no-history' history null --no-history -x a

refuses 64 'unknown long option' "$probe" --foo a
refuses 64 'long options are not abbreviated' "$probe" --fla a
refuses 64 'unknown short option' "$probe" -xz a
refuses 64 'missing value' "$probe" a -s
refuses 64 'missing value of a long option' "$probe" a --steps
refuses 64 'flag with a value' "$probe" --flag=1 a
refuses 64 'whole number with junk' "$probe" -s 1x a
refuses 64 'whole number: empty' "$probe" -s '' a
refuses 64 'whole number: space' "$probe" -s ' 1' a
refuses 64 'whole number: fraction' "$probe" -s 1.5 a
refuses 64 'whole number too large' "$probe" -s 9223372036854775808 a
is 'whole number too large: says so' "$(cat "$T/err")" "cli-probe: --steps: 9223372036854775808 has more than 64 bits"
refuses 64 'whole number too large, and out of range' "$probe" --copies 99999999999999999999 a
is 'and out of range: says the range' "$(cat "$T/err")" 'cli-probe: --copies: 99999999999999999999 is out of range: a whole number from 1 to 3'
refuses 64 'whole number too small' "$probe" -s -9223372036854775808 a
refuses 64 'real number with junk' "$probe" -t .5s a
refuses 64 'real number: nan' "$probe" -t nan a
refuses 64 'real number: infinite' "$probe" -t 1e999 a
is 'real number: infinite: says so' "$(cat "$T/err")" "cli-probe: --share: '1e999' is not a finite number"
refuses 64 'range: nan' "$probe" --part nan a
refuses 64 'range: infinite' "$probe" --rate inf a
refuses 64 'range: just above it' "$probe" --copies 4 a
is 'range: says it' "$(cat "$T/err")" 'cli-probe: --copies: 4 is out of range: a whole number from 1 to 3'
refuses 64 'range: its excluded end' "$probe" --part 1 a
is 'range: its excluded end: says so' "$(cat "$T/err")" 'cli-probe: --part: 1 is out of range: a number from 0 to 1, but not 1'
refuses 64 'not one of the choices' "$probe" --solver ddi a
is 'not one of the choices: says which' "$(cat "$T/err")" "cli-probe: --solver: 'ddi' is not one of ddim|dpmpp2m"
refuses 64 'choice: empty' "$probe" --solver '' a
refuses 64 'choice: the list itself' "$probe" --solver 'ddim|dpmpp2m' a
refuses 64 'no threads' "$probe" -j 0 a
refuses 64 'too many threads' "$probe" -j 1025 a
refuses 64 'no operand' "$probe" -x
refuses 64 'too many operands' "$probe" a b c
refuses 64 'a line feed in an argument does not break the line' "$probe" $'--a\nb'

is 'warning' "$("$probe" a 2>&1 > /dev/null)" 'cli-probe: warned'
is 'no warning with -q' "$("$probe" -q a 2>&1 > /dev/null)" ''
is 'note with -v' "$("$probe" -qv a 2>&1 > /dev/null)" 'cli-probe: noted'

is 'output' "$("$probe" -q --say hello a)" hello
holds 'output to a file' "$probe" --say hello -o "$T/o" a
is 'its content' "$(cat "$T/o")" hello
refuses 73 'existing output' "$probe" --say again -o "$T/o" a
is 'is left alone' "$(cat "$T/o")" hello
holds 'existing output with -f' "$probe" -f --say again -o "$T/o" a
is 'is replaced' "$(cat "$T/o")" again
refuses 73 'output in a folder that does not exist' "$probe" --say x -o "$T/no/o" a
is 'nothing is left behind' "$(ls -A "$T" | tr '\n' ' ')" 'err o out '
for what in '--say x' --help --version --interface ''; do
	expect_exit 74 "full disk: ${what:-text}" bash -c "exec '$probe' $what -q a > /dev/full"
	expect_exit 74 "closed stdout: ${what:-text}" bash -c "exec '$probe' $what -q a >&-"
done
expect_exit 141 'closed pipe' bash -c "{ sleep .2; exec '$probe' -q a; } | true; exit \${PIPESTATUS[0]}"
expect_exit 64 'binary to a terminal' script -qec "'$probe' --say x a" /dev/null
expect_exit 0 'what is no binary goes there: --plan' script -qec "'$probe' -q --plan a" /dev/null
expect_exit 64 'binary to a terminal by its name' script -qec "'$probe' -o /dev/tty a" /dev/null
like 'and says so' "$(cat "$T/out")" '^cli-probe: /dev/tty: binary data does not go to a terminal'
expect_exit 64 'bare on a terminal' script -qec "'$probe'" /dev/null
like 'shows how it is used' "$(cat "$T/out")" 'usage: cli-probe .OPTION'
expect_exit 64 'bare without a terminal' "$probe"
like 'says what is missing' "$(cat "$T/err")" 'missing operand'

"$probe" -j3 --steps 1 --help > "$T/help"
like 'help shows defaults' "$(cat "$T/help")" '\[100\]'
like 'and the number of threads' "$(cat "$T/help")" 'OMP_NUM_THREADS, else all cores \(from 1 to 1024\) \['"$cores"'\]'
like 'and ranges' "$(cat "$T/help")" $'--part SHARE +a share of less than all \\(from 0 to 1, but not 1\\)\n'
like 'and choices' "$(cat "$T/help")" '--solver ddim\|dpmpp2m +one of a few \[ddim\]'
is 'interface' "$("$probe" --interface | python3 -c '
import json, sys
t = json.load(sys.stdin); o = {x["long"]: x for x in t["options"]}
steps = [o["steps"][k] for k in ("long", "short", "arg", "type", "default", "help")]
print(t["name"], t["inputs"], t["min"], t["max"], steps, o["share"]["default"], o["flag"]["default"], o["scale"]["default"], o["threads"]["default"])')" \
	"cli-probe A [B] 1 2 ['steps', 's', 'STEPS', 'integer', 100, 'a whole number'] None False 0.1 None"
is 'interface: kinds' "$("$probe" --interface | jq -r '.options[:15][] | "\(.long) \(.kind) \(.type)"' | tr '\n' ' ')" \
	'flag flag flag steps integer integer seed integer integer share number number scale number number copies integer integer part number number '\
'rate number number balance number number say text text solver choice text mask text text table file text folder folder text start model text '
is 'interface: ranges' "$("$probe" --interface |
	jq -c '.options[] | select(.range and .long != "threads") | [.long, .from, .to, .from_excluded, .to_excluded, .range]')" \
	'["copies",1,3,false,false,"a whole number from 1 to 3"]
["part",0,1,false,true,"a number from 0 to 1, but not 1"]
["rate",0,1000000,true,false,"a number above 0 and at most 1000000"]
["balance",-1,1,true,true,"a number above -1 and below 1"]'
is 'interface: choices' "$("$probe" --interface | jq -c '.options[] | select(.choices) | [.long, .arg, .choices]')" \
	'["solver","ddim|dpmpp2m",["ddim","dpmpp2m"]]
["math","exact|fast",["exact","fast"]]'
finish
