# lat-realism: what tests/unit/test_realism.c has no eye for: streams, the table, errors.
. tests/lib.sh
# Real scans: boxes that differ by noise. Drawn ones: the same twice as far from their mean; flat ones, one of them on another grid
python3 - "$T" << 'END'
import array, random, struct, sys
random.seed(1)
def save(name, n, v):
    h = ("{'descr': '<f4', 'fortran_order': False, 'shape': (1, %d, %d, %d), }" % (n, n, n)).ljust(117) + "\n"
    open("%s/%s.npy" % (sys.argv[1], name), "wb").write(b"\x93NUMPY\1\0" + struct.pack("<H", len(h)) + h.encode() + array.array("f", v).tobytes())
n = 44
inside = [all(6 <= c < 38 for c in (i // n // n, i // n % n, i % n)) for i in range(n ** 3)]
real = [[.6 + random.gauss(0, .05) if k else 0 for k in inside] for _ in range(5)]
mean = [sum(v) / 5 for v in zip(*real)]
for i, r in enumerate(real):
    save("real%d" % i, n, r)
    save("wide%d" % i, n, [m + 2 * (x - m) for x, m in zip(r, mean)])
for i in range(2):
    save("other%d" % i, n, [.55 + .1 * i if k else 0 for k in inside])
save("small", 40, [.5] * 40 ** 3)
END
stream() { for name in "$@"; do npy2lat --id "$name" x="$T/$name.npy"; done; }
stream real{0..4} > "$T/real.lat"
stream wide{0..4} > "$T/wide.lat"
stream other{0..1} > "$T/other.lat"
stream other0 small > "$T/small.lat"
value() { awk -F '\t' -v measure="$1" -v column="$2" '$1 == measure { print $column }' "$T/out"; }

expect_exit 0 'the real scans themselves' lat-realism -k 3 --real "$T/real.lat" "$T/real.lat"
is 'themselves: the table' "$(cut -f 1 "$T/out" | tr '\n' ' ')" \
	'measure scans components_variance components_bias local_structure spectrum_0_1 spectrum_1_2 spectrum_2_4 spectrum_4_8 ms_ssim '
is 'themselves: the columns' "$(head -n 2 "$T/out")" $'measure\tvalue\treal\ttrain\nscans\t5\t5\t-'
is 'themselves: variance' "$(value components_variance 2)" 1
is 'themselves: no bias' "$(value components_bias 2 | awk '{ print ($1 < 1e-6) }')" 1
is 'themselves: spectrum' "$(for k in 0_1 1_2 2_4 4_8; do value spectrum_$k 2; done | tr '\n' ' ')" '1 1 1 1 '
is 'themselves: as alike' "$(value ms_ssim 2)" "$(value ms_ssim 3)"
cp "$T/out" "$T/one"
holds 'any number of threads' cmp "$T/one" <(lat-realism -j 3 -k 3 --real "$T/real.lat" < "$T/real.lat")

# --train: what of it is in both sides is at no distance
expect_exit 0 'twice as far from the mean' lat-realism -k 4 --real "$T/real.lat" --train "$T/wide.lat" "$T/wide.lat"
is 'twice: four times the variance' "$(value components_variance 2) $(value components_variance 4)" '4 4'
is 'twice: learned by heart' "$(value nearest 2) $(value nearest_least 2)" '0 0'
# from the one that is twice as far out: the noise, less a fifth of its variance that is in the mean, .05 * sqrt(.8)
is 'twice: the real ones are not' "$(value nearest_least 3 | awk '{ print ($1 > .044 && $1 < .046) }')" 1
is 'twice: more diverse' "$(awk -v a="$(value ms_ssim 2)" -v b="$(value ms_ssim 3)" 'BEGIN { print (a < b) }')" 1
expect_exit 0 'flat brains' lat-realism --json -k 4 --real "$T/real.lat" --train "$T/wide.lat" "$T/other.lat"
is 'flat brains: less fine structure, another texture, far from the training' "$(jq -r '
	[.spectrum_0_1.value < 1, .local_structure.value > 2, .components_variance.train > 3.9, .nearest.value > 2.2 and .nearest.value < 2.5, .scans.real == 5, .ms_ssim.train == null] | @tsv' "$T/out" |
	tr '\t' ' ')" 'true true true true true true'

refuses 64 'no real scans' lat-realism "$T/real.lat"
refuses 64 'no components' lat-realism -k 0 --real "$T/real.lat" "$T/real.lat"
refuses 64 'stdin twice' lat-realism --real - -
refuses 65 'fewer real scans than components' lat-realism -k 5 --real "$T/real.lat" "$T/wide.lat"
like 'fewer real scans than components: said' "$(cat "$T/err")" "^lat-realism: $T/real.lat: 5 scans are too few for 5 components"
refuses 65 'too few real scans' lat-realism -k 1 --real "$T/other.lat" "$T/wide.lat"
like 'too few real scans: said' "$(cat "$T/err")" 'other.lat: 2 scans are too few, four are needed$'
refuses 65 'one drawn scan' lat-realism -k 1 --real "$T/real.lat" <(lat-cut -r 1:1 "$T/wide.lat")
like 'one drawn scan: said' "$(cat "$T/err")" ': 1 drawn scans are too few, two are needed$'
refuses 65 'drawn on another grid' lat-realism -k 1 --real "$T/real.lat" "$T/small.lat"
is 'drawn on another grid: said' "$(cat "$T/err")" 'lat-realism: small: 40x40x40 voxels, but the real scans have 44x44x44'
refuses 65 'training on another grid' lat-realism -k 1 --real "$T/real.lat" --train "$T/small.lat" "$T/wide.lat"
is 'training on another grid: said' "$(cat "$T/err")" 'lat-realism: small: 40x40x40 voxels, but the real scans have 44x44x44'
refuses 65 'no such tensor' lat-realism -n z -k 1 --real "$T/real.lat" "$T/wide.lat"
refuses 65 'training scans that are the real ones' lat-realism -q -k 1 --real "$T/real.lat" --train "$T/real.lat" "$T/wide.lat"
like 'training scans that are the real ones: said' "$(cat "$T/err")" 'holds all scans of'
expect_exit 0 'a real scan among those of the training' lat-realism -k 1 --real "$T/real.lat" --train <(lat-cut -r 1:1 "$T/real.lat") "$T/wide.lat"
like 'a real scan among those of the training: said' "$(cat "$T/err")" '^lat-realism: real0: is both in '
finish
