# train-ae on a tiny network: what it leaves, that a run which was stopped ends with the bits of one that was not, refusals.
. tests/lib.sh
. tests/small-scans.sh
cat > "$T/c.json" << 'E2'
{"volume": [16, 24, 16],
 "autoencoder": {"channels": [4, 8], "latent_channels": 2, "res_blocks": 1, "groups": 4},
 "discriminator": {"channels": 4, "layers": 1},
 "losses": {"kl_weight": 1e-6, "adv_weight": 0.01},
 "preparation": {"name": "world", "size": [16, 24, 16], "affine": [[12, 0, 0, -90], [0, 12, 0, -150], [0, 0, 12, -80]]},
 "training": {"steps": 12, "batch": 2, "lr": 3e-3, "schedule": "cosine", "warmup": 2, "adversarial_from": 4, "augment": true, "validate_every": 5}}
E2
train() { train-ae -q -c "$T/c.json" --validation "$T/held.txt" "$@" "${scans[@]}"; }

expect_exit 0 'a run' train -o "$T/whole"
is 'quiet' "$(cat "$T/out" "$T/err")" ''
is 'what it leaves' "$(cd "$T/whole" && echo *)" \
	'autoencoder.safetensors checkpoint.safetensors log.tsv step-000005.png step-000010.png step-000012.png validation.tsv'
is 'a line for each step' "$(cut -f1 "$T/whole/log.tsv" | tr '\n' ' ')" 'step 0 1 2 3 4 5 6 7 8 9 10 11 '
is 'the discriminator takes part from its step on' "$(awk -F'\t' 'NR > 1 { printf "%s", $5 == "" ? "-" : "+" }' "$T/whole/log.tsv")" '----++++++++'
is 'validations' "$(cut -f1 "$T/whole/validation.tsv" | tr '\n' ' ')" 'step 5 10 12 '
holds 'the weights are whole' lat-check "$T/whole/autoencoder.safetensors"
holds 'the loss falls' awk -F'\t' 'NR == 2 { first = $2 } { last = $2 } END { exit !(last < .8 * first) }' "$T/whole/log.tsv"
holds 'the weights are a model' nii2lat -m "$T/whole" -o "$T/s.lat" "${scans[3]}"

# the same again; on two threads; in two goes; after a signal
sum() { sha256sum < "$1/autoencoder.safetensors"; }
train -o "$T/again" -j 2
is 'two threads, the same bits' "$(sum "$T/again")" "$(sum "$T/whole")"
is 'two threads, the same log' "$(cat "$T/again/log.tsv")" "$(cat "$T/whole/log.tsv")"
# the last of the steps' number is part of the schedule, so a run is cut by a signal
expect_exit 143 'SIGTERM: the step is finished, then the run stops' stopped "$T/half" train-ae
done=$(($(wc -l < "$T/half/log.tsv") - 1))
holds "stopped on the way (after $done steps)" test "$done" -ge 3 -a "$done" -lt 12
holds 'a checkpoint is there' lat-check "$T/half/checkpoint.safetensors"
printf '11\t0.5' >> "$T/half/log.tsv"
refuses 73 'a run is not overwritten' train-ae -c "$T/c.json" -o "$T/half" "${scans[@]}"
expect_exit 78 'resumed with another seed' train -o "$T/half" --resume --seed 2
like 'resumed with another seed: said' "$(cat "$T/err")" 'another --seed'
expect_exit 78 'resumed with fewer scans' train-ae -q -c "$T/c.json" --validation "$T/held.txt" -o "$T/half" --resume "${scans[@]:1}"
expect_exit 78 'resumed with another rate' train -o "$T/half" --resume --lr 1e-3
expect_exit 0 'resumed' train -o "$T/half" --resume
is 'resumed: the bits of a run without a stop' "$(sum "$T/half")" "$(sum "$T/whole")"
is 'resumed: the log, too' "$(cat "$T/half/log.tsv")" "$(cat "$T/whole/log.tsv")"
is 'resumed: the scores, too' "$(cat "$T/half/validation.tsv")" "$(cat "$T/whole/validation.tsv")"
holds 'resumed: the same checkpoint' cmp "$T/half/checkpoint.safetensors" "$T/whole/checkpoint.safetensors"

# a seed of its own; other beginnings
train -o "$T/seed" --seed 2
is 'another seed, other bits' "$([ "$(sum "$T/seed")" != "$(sum "$T/whole")" ] && echo other)" other
expect_exit 0 'from another model, in 16 bits' train -o "$T/init" --init "$T/whole" --f16 --steps 1 --lr 1e-6
holds 'from another model, in 16 bits: still a model' nii2lat -m "$T/init" -o "$T/i.lat" "${scans[3]}"
holds 'from another model: near it' lat-diff -t .2 "$T/s.lat" "$T/i.lat"

is '--plan' "$(train-ae --plan -c "$T/c.json" | python3 -c '
import json, sys
p = json.load(sys.stdin)
print(sorted(p), p["flop"] > 1e7, 1e7 < p["peak_bytes"] < 1e9, 0 < p["seconds"] < 60)')" "['flop', 'peak_bytes', 'seconds'] True True True"

refuses 64 'no configuration' train-ae -o "$T/no" "${scans[0]}"
refuses 64 'no folder' train-ae -c "$T/c.json" "${scans[0]}"
refuses 64 'no scans' train-ae -c "$T/c.json" -o "$T/no"
refuses 66 'configuration missing' train-ae -c "$T/none.json" -o "$T/no" "${scans[0]}"
for bad in 's/"groups": 4/"groups": 3/=groups' 's/\[16, 24, 16\],$/[16, 24, 17],/=volume' 's/"lr": 3e-3/"lr": "fast"/=training.lr' \
	's/"batch": 2/"batch": 2, "crop": [8, 8, 7]/=training.crop' 's/"lr"/"rl"/=training.rl: there is no such key; the nearest is training.lr' \
	's/"schedule": "cosine"/"schedule": "linear"/=schedule'; do
	sed "${bad%=*}" "$T/c.json" > "$T/bad.json"
	refuses 78 "refused: ${bad##*=}" train-ae -c "$T/bad.json" -o "$T/no" "${scans[0]}"
	like "refused: ${bad##*=}: said" "$(cat "$T/err")" "bad.json: .*${bad##*=}"
done
is 'nothing was made' "$(ls -d "$T/no" 2> /dev/null)" ''
nii2lat -q -m "$T/whole" --grid-only "${scans[@]}" > "$T/scans.lat"
for v in nan inf; do
	"$BUILD/tests/tools/poke" "$T/scans.lat" "$T/bad.lat" sub-02_T1w x 7 $v
	refuses 65 "a record with $v" train-ae -c "$T/c.json" -o "$T/no" "$T/bad.lat"
	is "a record with $v: named" "$(cat "$T/err")" "train-ae: sub-02_T1w: tensor x: element 7 is $v, no finite number"
done
refuses 65 'a scan that is none' train-ae -c "$T/c.json" -o "$T/no" "$T/c.json"
refuses 73 'a folder that cannot be' train-ae -c "$T/c.json" -o "$T/c.json/no" "${scans[0]}"

# a scan of nothing has no score: said, weights are there all the same, and any score is better
python3 - "$T/zero.npy" << 'E2'
import struct, sys
head = ("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 16, 24, 16), }").ljust(117) + '\n'
open(sys.argv[1], 'wb').write(b'\x93NUMPY\1\0' + struct.pack('<H', len(head)) + head.encode() + bytes(4 * 16 * 24 * 16))
E2
npy2lat --id sub-05_T1w x="$T/zero.npy" > "$T/zero.lat"
echo sub-05 > "$T/nothing.txt"
expect_exit 0 'a score that is none' train-ae -c "$T/c.json" --validation "$T/nothing.txt" -o "$T/none" "$T/scans.lat" "$T/zero.lat"
is 'a score that is none: said' "$(grep -c "^train-ae: step [0-9]*: the validation's score is no finite number$" "$T/err")" 3
holds 'a score that is none: weights' lat-check "$T/none/autoencoder.safetensors"
is 'a score that is none: an empty field' "$(cut -f4 "$T/none/validation.tsv" | tr '\n' ' ')" 'ssim_brain    '

# crops, and whole volumes at the end
sed 's/"batch": 2/"batch": 1, "crop": [8, 16, 8], "whole_from": 2/; s/"steps": 12/"steps": 3/; s/"adversarial_from": 4/"adversarial_from": -1/' \
	"$T/c.json" > "$T/crop.json"
expect_exit 0 'crops' train-ae -q -c "$T/crop.json" --validation "$T/held.txt" -o "$T/crop" "${scans[@]}"
is 'crops: no discriminator' "$(cut -f5 "$T/crop/log.tsv" | tail -n +2 | tr -d '\n')" ''
finish
