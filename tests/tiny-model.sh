# For the tests of pipelines, after training.sh: $T/model, a whole model of tiny networks that have hardly learned anything.
ldm -o "$T/ldm" --steps 2 "${scans[@]}"
mkdir "$T/model"
cp "$T/ae/autoencoder.safetensors" "$T/model"
train-sem -q -m "$T/ae" --unet "$T/ldm" -c "$T/c.json" --validation "$T/held.txt" -o "$T/sem" --steps 2 "${scans[@]}"
cp "$T/sem/semantic.safetensors" "$T/sem/shift_unet.safetensors" "$T/model"

# put PATH SCAN: a scan of a study, compressed
put() { mkdir -p "${1%/*}" && gzip -nc "$2" > "$1"; }
# pipeline NAME ARGUMENT...: from a folder elsewhere, without what make tells its children
pipeline() {
	local name=$1
	shift
	[ "$name" = probe ] || set -- STEPS=2 "$@"
	(cd "$T" && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -f "$ROOT/pipelines/$name.mk" MODEL="$T/model" "$@")
}
# all but the line by which make says that a recipe failed
lines() { grep -v '^make: ' "$T/err"; }
# the files that a pipeline made, without its folders' names
made_in() { (cd "$1" && find . -path '*/anat/*' -type f | sed 's|.*/||' | sort | tr '\n' ' '); }
