# lat-model --layers: what it tells of each network, by the weights themselves and by the plans of the tools that run them. (What it tells
# of weights: bids-scans.sh, pt2st.sh.)
. tests/lib.sh
export OMP_NUM_THREADS=1
golden=tests/oracle/golden
mkdir "$T/m"
cp $golden/{autoencoder,semantic}.safetensors "$T/m"
"$BUILD/tests/tools/random-denoiser" "$T/m/shift_unet.safetensors" tests/oracle/small.json shift_unet
"$BUILD/tests/tools/random-denoiser" "$T/unet.safetensors" tests/oracle/small.json unet

# column NETWORK N: of the layers of one network, without its total. numbers FILE [BEGINNING]: in the weights of a file
column() { awk -F '\t' -v of="$1" -v n="$2" '$1 == of && $2 != "total" { print $n }' "$T/out"; }
total() { awk -F '\t' -v of="$1" -v n="$2" '$1 == of && $2 == "total" { print $n }' "$T/out"; }
sum() { awk '{ s += $1 } END { printf "%.9g\n", s }'; }
most() { sort -n | tail -n 1; }
numbers() {
	python3 - "$1" "${2:-}" << 'END'
import json, math, struct, sys
f = open(sys.argv[1], 'rb')
head = json.loads(f.read(struct.unpack('<Q', f.read(8))[0]))
print(sum(math.prod(v['shape']) for k, v in head.items() if k != '__metadata__' and k.startswith(sys.argv[2])))
END
}
# planned COMMAND...: GFLOP
planned() { "$@" --plan | jq -r '.flop / 1e9'; }
# close NAME A B: but for their digits
close() { holds "$1: $2 is $3" awk -v a="$2" -v b="$3" 'BEGIN { exit !(a > 0 && (a - b) ^ 2 < 1e-14 * b ^ 2) }'; }

expect_exit 0 'a model' lat-model --layers "$T/m"
is 'the columns' "$(head -n 1 "$T/out" | tr '\t' ' ')" 'network layer kind output parameters algorithm GFLOP bytes'
is 'the networks' "$(tail -n +2 "$T/out" | cut -f 1 | uniq | tr '\n' ' ')" 'encoder decoder semantic shift_unet '
is 'every row has all columns' "$(awk -F '\t' 'NF != 8' "$T/out")" ''
is 'the last row of each is its total' "$(grep -c "$(printf '\ttotal\t')" "$T/out")" 4
for network in encoder decoder semantic shift_unet; do
	is "$network: parameters, in all" "$(column $network 5 | sum)" "$(total $network 5)"
	close "$network: operations, in all" "$(column $network 7 | sum)" "$(total $network 7)"
	holds "$network: memory is shared, and holds the largest" test "$(column $network 8 | most)" -le "$(total $network 8)" \
		-a "$(total $network 8)" -lt "$(column $network 8 | sum)"
done

# of the autoencoder, all that is in its file but the way to the variance of the latent, which takes a draw (nii2lat --sample)
is 'autoencoder: parameters' "$(($(total encoder 5) + $(total decoder 5) + $(numbers $golden/autoencoder.safetensors quant_conv_log_sigma)))" \
	"$(numbers $golden/autoencoder.safetensors)"
is 'semantic: parameters' "$(total semantic 5)" "$(numbers $golden/semantic.safetensors)"
is 'shift U-Net: parameters' "$(total shift_unet 5)" "$(numbers "$T/m/shift_unet.safetensors")"
is 'a layer' "$(grep "$(printf '^decoder\tpost_quant_conv')" "$T/out" | cut -f 2-5)" \
	"$(printf 'post_quant_conv.conv\tconvolution\t3x8x10x8\t12')"
is 'in the order of running' "$(column encoder 2 | sed -n '1p; 2p; $p' | tr '\n' ' ')" '- encoder.blocks.0.conv quant_conv_mu.conv '
is 'the grid' "$(column encoder 4 | head -n 1) $(column shift_unet 4 | head -n 1)" '1x32x40x32 3x8x10x8'
is 'algorithms are convolutions'\''' "$(awk -F '\t' 'NR > 1 && ($3 == "convolution") == ($6 == "-")' "$T/out")" ''

"$BUILD/tests/tools/make-nii" "$T/scan.nii" mm=4 type=float32
nii2lat -m "$T/m" "$T/scan.nii" | sem-encode -m "$T/m" --any-model > "$T/scan.lat"
close 'encoder: as planned' "$(total encoder 7)" "$(planned nii2lat -m "$T/m" "$T/scan.nii")"
close 'decoder: as planned' "$(total decoder 7)" "$(planned lat2nii -m "$T/m" "$T/scan.lat")"
close 'semantic: as planned' "$(total semantic 7)" "$(planned sem-encode -m "$T/m" "$T/scan.lat")"
close 'shift U-Net: as planned, each call' "$(total shift_unet 7)" "$(planned lat-denoise -m "$T/m" --any-model -s 1 "$T/scan.lat")"

cp "$T/out" "$T/fast"
expect_exit 0 'the other accuracy' lat-model --layers --math exact "$T/m"
is 'the other accuracy: the same operations' "$(total encoder 7)" "$(awk -F '\t' '$1 == "encoder" && $2 == "total" { print $7 }' "$T/fast")"
expect_exit 0 'two threads' lat-model -j 2 --layers "$T/m"
holds 'two threads: more memory to work in' test "$(total decoder 8)" -gt "$(awk -F '\t' '$1 == "decoder" && $2 == "total" { print $8 }' "$T/fast")"
expect_exit 0 'a U-Net' lat-model --layers "$T/unet.safetensors"
is 'a U-Net: its parameters' "$(cut -f 1 "$T/out" | sort -u | tr '\n' ' ')$(total unet 5)" "network unet $(numbers "$T/unet.safetensors")"
refuses 66 'no such model' lat-model --layers "$T/none"
finish
