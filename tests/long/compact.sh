# How compact streams are, on brains of 128x160x128: lossless f32 and f16, of scaled whole numbers as the authors' preparation of a scan on
# their grid gives them, and of interpolated values. Prints the figures; zstd accepts every stream.
. tests/lib.sh
need_shared data/ds002748/mni 'compact streams of real brains' || finish
for n in 05 35 65; do
	scan=$(ls "$SHARED"/data/ds002748/mni/sub-$n*_T1w.nii.gz 2> /dev/null | head -n 1)
	[ -n "$scan" ] || continue
	python3 - "$scan" "$T" << 'END'
import array, gzip, struct, sys
d = gzip.open(sys.argv[1]).read()
n, code, start = struct.unpack("<8h", d[40:56])[1:4], struct.unpack("<h", d[70:72])[0], int(struct.unpack("<f", d[108:112])[0])
assert n == (128, 160, 128) and code == 4
v = array.array("h", d[start:start + 2 * n[0] * n[1] * n[2]])
top = max(v)
def save(name, kind, values):
    h = ("{'descr': '<%s', 'fortran_order': True, 'shape': (128, 160, 128, 1), }" % kind).ljust(117) + "\n"
    pack = array.array("f", values).tobytes() if kind == "f4" else struct.pack("<%de" % len(v), *values)
    open("%s/%s" % (sys.argv[2], name), "wb").write(b"\x93NUMPY\1\0" + len(h).to_bytes(2, "little") + h.encode() + pack)
scaled = [a / top for a in v]
between = [(.3 * a + .7 * b) / top for a, b in zip(v, v[1:] + v[:1])]
save("scaled32", "f4", scaled), save("scaled16", "f2", scaled), save("between32", "f4", between), save("between16", "f2", between)
END
	for kind in scaled between; do
		for bits in 32 16; do
			npy2lat --id sub-$n x="$T/$kind$bits" > "$T/$kind$bits.lat"
			size=$(stat -c %s "$T/$kind$bits.lat")
			limit=$([ $bits = 32 ] && echo 2500000 || echo 1100000)
			is "sub-$n, $kind, f$bits: at most $limit bytes" "$((size <= limit))" 1
			holds "sub-$n, $kind, f$bits: zstd accepts it" zstd -tq "$T/$kind$bits.lat"
			echo "# sub-$n $kind f$bits: $size bytes"
		done
		lat-diff -t 0.0005 "$T/${kind}32.lat" "$T/${kind}16.lat" > "$T/out"
		is "sub-$n, $kind: f16 is off by less than .0005 of the largest value" $? 0
		echo "# sub-$n $kind: f16 $(tail -n 1 "$T/out" | cut -f3)"
	done
done
finish
