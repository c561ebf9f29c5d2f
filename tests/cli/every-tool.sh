# What every tool has in common: help, version, interface, wrong usage, missing inputs.
. tests/lib.sh
version=$(sed -n 's/^VERSION := //p' Makefile)
# how each tool is asked for an input that is not there
declare -A missing=(
	[nii2lat]="--grid-only $T/none.nii"
	[lat2nii]="$T/none.lat" [lat-info]="$T/none.lat" [lat-check]="$T/none.lat" [lat-cut]="$T/none.lat"
	[bids-scans]="$T/none" [bids-cohort]="--groups $T/none.tsv $T/none.tsv" [nii-simulate]="-o $T/o.nii $T/none.nii" [lat-model]="$T/none"
	[lat-diff]="$T/none.lat $T/none.lat"
	[lat-denoise]="-m $T/none"
	[lat-lerp]="-t .5 $T/none.lat $T/none.lat"
	[lat-steer]="--probe $T/none --by 1 $T/none.lat"
	[lat2npy]="-n z -o $T/o.npy $T/none.lat"
	[lat2tsv]="-o $T/o.tsv $T/none.lat"
	[linprobe]="fit --labels $T/none.tsv --target age -o $T/o"
	[pt2st]="-o $T/o $T/none.pth"
	[npy2lat]="--id a z=$T/none.npy"
	[lat-baseline]="--method mean --train $T/none.lat $T/none.lat"
	[lat-learnable]="--train $T/none.lat $T/none.lat"
	[lat-realism]="--real $T/none.lat $T/none.lat"
	[nii-judge]="--mean $T/none.nii $T/none.nii"
	[nii-mean]="-o $T/o.nii $T/none.nii"
	[nii-score]="$T/none.nii $T/none.nii"
	[nii-volumes]="$T/none.nii" [tsv-mean]="$T/none.tsv"
	[nii-mask]="-o $T/o.nii $T/none.nii"
	[nii-transform]="-o $T/o.nii $T/none.nii"
	[nii2png]="-o $T/o.png $T/none.nii"
	[sem-encode]="-m tests/oracle/golden/semantic.safetensors $T/none.lat"
	[train-ae]="-c $T/none.json -o $T/o $T/none.nii"
	[train-ldm]="-m tests/oracle/golden/autoencoder.safetensors -c $T/none.json -o $T/o $T/none.nii"
	[train-sem]="-m tests/oracle/golden/autoencoder.safetensors -c $T/none.json -o $T/o $T/none.nii"
)

# cost COMMAND...: the least processor time of 8 runs, in milliseconds; other than wall time it bears a busy machine
cost() {
	local TIMEFORMAT='%U %S'
	for _ in {1..8}; do
		{ time "$@" > /dev/null; } 2>&1
	done | awk '{ ms = 1000 * ($1 + $2) } NR == 1 || ms < best { best = ms } END { printf "%.0f", best }'
}
# what starting any process takes here
start=$(cost /bin/true)

for source in tools/*.c; do
	[ -e "$source" ] || continue
	t=$(basename "$source" .c)
	expect_exit 0 "$t --help" "$t" --help
	like "$t --help says what it is" "$(cat "$T/out")" "^$t: .*usage: $t .OPTION"
	is "$t --help is silent on stderr" "$(cat "$T/err")" ''
	is "$t --version" "$("$t" --version)" "$t (latpipe) $version"
	if grep -q __asan_init "$BUILD/$t"; then
		skip "$t --version in under 10 ms" 'built with sanitizers'
	else
		ms=$(($(cost "$t" --version) - start))
		if [ "$ms" -lt 10 ]; then ok "$t --version in under 10 ms"; else not_ok "$t --version in under 10 ms" "$ms ms more than /bin/true"; fi
	fi
	is "$t --interface" "$("$t" --interface | python3 -c '
import json, re, sys
t = json.load(sys.stdin)
long = [o["long"] for o in t["options"]]
short = [o["short"] for o in t["options"] if o["short"]]
bad = [k for k in ("name", "summary", "inputs", "min", "max", "weights") if k not in t]
bad += [n for n in long if not re.fullmatch("[A-Za-z0-9][a-z0-9-]*", n)]
bad += ["twice"] * (len(set(long)) < len(long) or len(set(short)) < len(short))
bad += [o["help"] for o in t["options"] if o["help"].endswith(".") or o["help"][0].isupper() and not o["help"][1].isupper()]
bad += [o["long"] for o in t["options"] if (o["arg"] is None) != (o["type"] == "flag")]
kinds = {"flag": "flag", "integer": "integer", "number": "number", "text": "text choice file folder model"}
bad += [o["long"] for o in t["options"] if o["kind"] not in kinds[o["type"]].split()]
bad += [o["long"] for o in t["options"] if (o["kind"] == "choice") != (o["choices"] is not None)]
bad += [o["long"] for o in t["options"] if o["choices"] and (o["arg"] != "|".join(o["choices"]) or o["default"] not in o["choices"] + [None])]
bad += [n for n in ("threads", "quiet", "verbose", "help", "version", "interface") if n not in long]
print(t["name"], bad)')" "$t []"
	expect_exit 74 "$t --help to a full disk" bash -c "exec $t --help > /dev/full"
	refuses 64 "$t: unknown option" "$t" --no-such-option
	refuses 64 "$t: no threads" "$t" -j 0 x
	if [ "$t" = lat-model ]; then # which has a default to tell of, and reads nothing
		expect_exit 0 "$t: bare on a terminal" script -qec "$t" /dev/null
		is "$t: the default model" "$(tr -d '\r' < "$T/out")" "$(lat-model < /dev/null)"
	elif [ "$t" = lat-host ]; then
		expect_exit 0 "$t: bare on a terminal" script -qec "$t" /dev/null
		like "$t: tells" "$(tr -d '\r' < "$T/out")" $'^processors\tmemory\n[1-9][0-9]*\t[0-9]+$'
	else
		expect_exit 64 "$t: bare on a terminal" script -qec "$t" /dev/null
		like "$t: shows how it is used" "$(cat "$T/out")" "usage: $t "
	fi
	if [ "$t" = lat-host ]; then # reads nothing
		continue
	elif [ -n "${missing[$t]:-}" ]; then
		# shellcheck disable=SC2086
		expect_exit 66 "$t: missing input" "$t" ${missing[$t]}
		is "$t: says so on one line" "$(cut -d: -f1 "$T/err")" "$t"
		is "$t: leaves nothing behind" "$(ls -A "$T" | tr '\n' ' ')" 'err out '
	else
		not_ok "$t: missing input" 'tests/cli/every-tool.sh does not know how to ask for one'
	fi
done
# threads that wait sleep soon: a pipe's stages share the processors. OpenMP tells its settings when it is loaded
spins() { OMP_DISPLAY_ENV=verbose "$@" lat2nii "$T/none.lat" 2>&1 | sed -n "s/.*GOMP_SPINCOUNT = '\(.*\)'/\1/p" | tail -n 1; }
is 'waiting threads sleep soon' "$(spins env -u OMP_WAIT_POLICY)" 1000
if [ "$(spins env OMP_WAIT_POLICY=active)" != 0 ]; then ok 'unless they are told to spin'; else not_ok 'unless they are told to spin'; fi
finish
