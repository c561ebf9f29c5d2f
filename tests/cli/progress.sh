# Progress lines on a terminal: messages, of the same tool or another, are whole, and no progress line is left between them.
. tests/lib.sh
. tests/small-scans.sh
cat > "$T/c.json" << 'E2'
{"volume": [16, 24, 16],
 "autoencoder": {"channels": [4, 8], "latent_channels": 2, "res_blocks": 1, "groups": 4},
 "losses": {"kl_weight": 1e-6, "adv_weight": 0},
 "preparation": {"name": "world", "size": [16, 24, 16], "affine": [[12, 0, 0, -90], [0, 12, 0, -150], [0, 0, 12, -80]]},
 "training": {"steps": 12, "lr": 3e-3, "validate_every": 3}}
E2
train="train-ae -v -c $T/c.json --validation $T/held.txt -o"
$train "$T/plain" "${scans[@]}" 2> "$T/plain.txt"
is 'to a file: no progress' "$(grep -c left "$T/plain.txt")" 0
is 'to a file: the notes' "$(grep -c ': step [0-9]*: l1 ' "$T/plain.txt")" 4

python3 tests/screen.py 400 "$train $T/wide ${scans[*]}" > "$T/wide.txt" 2> "$T/err"
is 'on a terminal: a progress line for each step' "$(cat "$T/err")" '12 progress lines'
is 'on a terminal: the same messages in the end' "$(cat "$T/wide.txt")" "$(cat "$T/plain.txt")"
# a narrow one: messages take several rows, progress lines one
python3 tests/screen.py 31 "$train $T/narrow ${scans[*]}" 2> "$T/err" > "$T/narrow.txt"
is 'on a narrow terminal: the same letters' "$(tr -d ' \n' < "$T/narrow.txt")" "$(tr -d ' \n' < "$T/plain.txt")"
# another tool beside it, which knows nothing of the progress line
python3 tests/screen.py 400 "$train $T/two ${scans[*]} & while kill -0 \$! 2> /dev/null; do lat-check /gone; sleep .02; done; wait" 2> "$T/err" > "$T/two.txt"
holds 'beside another tool: both speak' test "$(grep -c '^lat-check: /gone: No such file or directory$' "$T/two.txt")" -ge 2
is 'beside another tool: every message is whole' "$(grep -v '^lat-check: /gone: No such file or directory$' "$T/two.txt" | grep .)" "$(cat "$T/plain.txt")"
finish
