# pipelines/demo.mk on tiny networks: a picture for each part that the model can do, and what must be the same in two of them.
. tests/lib.sh
. tests/training.sh
whole_model "$T/model"
cp -r "$T/model" "$T/probed"
mkdir "$T/coder" "$T/plain"
cp "$T/ae/autoencoder.safetensors" "$T/coder"
cp "$T/ae/autoencoder.safetensors" "$T/model-unet/unet.safetensors" "$T/plain"
printf 'participant_id\tage\nsub-01\t20\nsub-02\t30\nsub-03\t45\nsub-04\t50\n' > "$T/participants.tsv"
nii2lat -q -m "$T/model" "${scans[@]}" | sem-encode -m "$T/model" |
	linprobe fit --labels "$T/participants.tsv" --target age --lambda 1 -o "$T/probed/age.safetensors"
gzip -n < "$T/sub-01_T1w.nii" > "$T/head.nii.gz"

demo() { make --no-print-directory -f pipelines/demo.mk SCAN="$T/head.nii.gz" MODEL="$T/$1" OUT="$T/$1-out" WAY='-s 2'; }
pictures() { (cd "$T/$1-out" && echo *.png); }
expect_exit 0 'all of it' demo probed
is 'all of it: pictures' "$(pictures probed)" 'alone.png between.png demo.png generated.png inverted.png older.png'
o=$T/probed-out
holds 'a series begins at the scan from its codes' cmp "$o/inverted.nii.gz" "$o/between-1.nii.gz"
expect_exit 0 'the mean of the draws' nii-mean -o "$T/mean.nii.gz" "$o"/alone-[123].nii.gz
holds 'the mean of the draws: is what is shown' cmp "$T/mean.nii.gz" "$o/alone-mean.nii.gz"
expect_exit 1 'draws differ' cmp -s "$o/alone-1.nii.gz" "$o/alone-2.nii.gz"
nii2lat -q -m "$T/model" "$T/head.nii.gz" | sem-encode -m "$T/model" | lat-denoise -m "$T/model" --invert -s 2 |
	lat-steer --probe "$T/probed/age.safetensors" --by 2 | lat-denoise -m "$T/model" -s 2 | lat2nii -m "$T/model" --unit -o "$T/older.nii.gz"
holds 'older, by hand' cmp "$T/older.nii.gz" "$o/older.nii.gz"

expect_exit 0 'without a probe' demo model
is 'without a probe: pictures' "$(pictures model)" 'alone.png between.png demo.png generated.png inverted.png'
expect_exit 0 'without codes' demo plain
is 'without codes: pictures' "$(pictures plain)" 'between.png demo.png generated.png inverted.png'
like 'without codes: said' "$(tail -n 1 "$T/out")" 'it has no semantic encoder with a shift U-Net\.$'
expect_exit 0 'the autoencoder alone' demo coder
is 'the autoencoder alone: pictures' "$(pictures coder)" 'demo.png'
like 'the autoencoder alone: said' "$(tail -n 1 "$T/out")" 'it has no diffusion model and no semantic encoder with a shift U-Net\.$'
odd=$'-{1} [x]  \'"`touch canary`$(touch canary) é;&'
cp -r "$T/coder" "$T/$odd"
cp "$T/head.nii.gz" "$T/$odd/a $odd.nii.gz"
there() { (cd "$T" && make --no-print-directory -f "$ROOT/pipelines/demo.mk" SCAN="$odd/a $odd.nii.gz" MODEL="$odd" OUT="$odd/{id} out" WAY='-s 2;touch canary'); }
expect_exit 0 'odd names' there
is 'odd names: the same picture' "$(sha256sum < "$T/$odd/{id} out/demo.png")" "$(sha256sum < "$T/coder-out/demo.png")"
is 'odd names: nothing is executed' "$(find "$T" "$ROOT" -maxdepth 3 -name canary)" ''
if comma_locale 'a decimal comma'; then
	LC_ALL=$comma expect_exit 0 'a decimal comma' demo model
	like 'a decimal comma: scores have points' "$(grep '^  inverted ' "$T/out")" '^  inverted +0\.[0-9]{3} +0\.[0-9]{5}$'
	isnt_zero=$(awk '/^  inverted / { print ($2 > 0 && $2 != "0.000") }' "$T/out")
	is 'a decimal comma: and are none of zero' "$isnt_zero" 1
fi
expect_exit 2 'no scan' make --no-print-directory -f pipelines/demo.mk SCAN="$T/none.nii.gz" OUT="$T/none"
finish
