# Signals that end a trainer, at any moment and more than once: a checkpoint is saved, and the run that goes on ends with the bits of one
# that was never stopped. And what a validation costs that fails: nothing.
. tests/lib.sh
. tests/small-scans.sh
cat > "$T/c.json" << 'E2'
{"volume": [16, 24, 16],
 "autoencoder": {"channels": [4, 8], "latent_channels": 2, "res_blocks": 1, "groups": 4},
 "losses": {"kl_weight": 1e-6, "adv_weight": 0},
 "preparation": {"name": "world", "size": [16, 24, 16], "affine": [[12, 0, 0, -90], [0, 12, 0, -150], [0, 0, 12, -80]]},
 "training": {"steps": 8, "lr": 3e-3, "validate_every": 3}}
E2
sed 's/"steps": 8/"steps": 100000/; s/"validate_every": 3/"validate_every": 100000/' "$T/c.json" > "$T/endless.json"
options=(--validation "$T/held.txt" "${scans[@]}")
train() { train-ae -q -c "$T/c.json" -o "$@" "${options[@]}"; }
sum() { (cd "$1" && cat autoencoder.safetensors checkpoint.safetensors log.tsv validation.tsv | sha256sum); }
lines() { tail -n +2 "$1/$2" 2> /dev/null | wc -l; }
train "$T/whole"

# twice, by make, timeout and shells; and all that schedulers send before they kill
endless() { # FOLDER: in the background, after its third step
	train-ae -c "$T/endless.json" -o "$1" "${options[@]}" 2> "$T/err" &
	for _ in $(seq 1200); do [ "$(lines "$1" log.tsv)" -lt 3 ] || break; sleep .05; done
}
for signals in 'TERM TERM' 'HUP HUP' 'USR1 USR1'; do
	endless "$T/signal"
	for s in $signals; do kill -"$s" $! 2> /dev/null; sleep .02; done
	wait $!
	is "$signals: the status" $? $((128 + $(kill -l "${signals%% *}")))
	is "$signals: said" "$(tail -n 1 "$T/err" | sed 's/step [0-9]*/step N/')" "train-ae: stopped at step N by SIG${signals%% *}; --resume goes on"
	holds "$signals: a checkpoint" lat-check "$T/signal/checkpoint.safetensors"
	rm -r "$T/signal"
done
# one at a time
endless "$T/two"
refuses 73 'another training in the same folder' train "$T/two" --force
is 'another training in the same folder: said' "$(cat "$T/err")" "train-ae: $T/two/log.tsv: another training writes to this folder"
kill -TERM $!
wait $!
holds 'another training in the same folder: the first goes on' lat-check "$T/two/checkpoint.safetensors"
rm -r "$T/two"
(trap '' HUP; endless "$T/nohup"; kill -HUP $!; sleep .3; kill -TERM $!; wait $!)
is 'nohup: SIGHUP is nothing, SIGTERM ends it' $? 143
# messages that nobody reads any more
sed 's/"validate_every": 100000/"validate_every": 3/' "$T/endless.json" > "$T/talks.json"
{ train-ae -v -c "$T/talks.json" -o "$T/unheard" "${options[@]}"; echo $? > "$T/status"; } 2>&1 | sed '/step 3:/q' > "$T/out"
is 'nobody reads the messages' "$(cat "$T/status")" 141
holds 'nobody reads the messages: a checkpoint' lat-check "$T/unheard/checkpoint.safetensors"

need_faults 'at each moment of a validation and of writing' || finish
run() { # FAULT FOLDER [OPTION...]
	local fault=$1
	shift
	with_fault FAULT="$fault" train-ae -c "$T/c.json" -o "$@" "${options[@]}"
}
resumes() { # NAME FOLDER
	expect_exit 0 "$1: goes on" train "$2" --resume
	is "$1: the bits of a run without a fault" "$(sum "$2")" "$(sum "$T/whole")"
	rm -r "$2"
}
# the first file that is synced is the picture of the first validation, the second are the weights
for n in 1 2; do
	expect_exit 143 "SIGTERM within a validation, sync $n" run "fsync:$n:TERM" "$T/cut"
	is "SIGTERM within a validation, sync $n: after its step" "$(lines "$T/cut" log.tsv)" 3
	resumes "SIGTERM within a validation, sync $n" "$T/cut"
	expect_exit 74 "a full disk within a validation, sync $n" run "fsync:$n:28" "$T/cut"
	like "a full disk within a validation, sync $n: said" "$(tail -n 1 "$T/err")" \
		"^train-ae: $T/cut/(step-000003.png|autoencoder.safetensors): No space left on device$"
	resumes "a full disk within a validation, sync $n" "$T/cut"
done

# two faults in a row: the checkpoint that was gone on from keeps its name until the next has its own
run fsync:3:TERM "$T/cut" 2> "$T/err"
train-ae -q -c "$T/c.json" -o "$T/cut" --resume --save-every 0 --steps 7 "${options[@]}"
holds 'two checkpoints' test -s "$T/cut/checkpoint.safetensors.previous"
printf x | dd of="$T/cut/checkpoint.safetensors" bs=1 seek=100 conv=notrunc status=none
cp -r "$T/cut" "$T/lost"
rm "$T/lost/checkpoint.safetensors"
expect_exit 73 'only the one before is there: not begun anew by accident' train "$T/lost"
holds 'only the one before is there: it still is' lat-check "$T/lost/checkpoint.safetensors.previous"
for kind in 74:fsync:1:28+ 73:rename:1:5+ 73:link:1:5+; do
	expect_exit "${kind%%:*}" "resumed from the one before, ${kind#*:}" run "${kind#*:}" "$T/cut" --resume
	like "resumed from the one before, ${kind#*:}: said" "$(cat "$T/err")" 'going on from the one before'
	holds "resumed from the one before, ${kind#*:}: it is still there" lat-check "$T/cut/checkpoint.safetensors.previous"
done
resumes 'resumed after all these' "$T/cut"

# a run that begins anew is not mistaken for the one before
cp -r "$T/whole" "$T/cut"
run fsync:1:KILL "$T/cut" -f 2> /dev/null
expect_exit 66 'begun anew and killed before it was saved' train "$T/cut" --resume
finish
