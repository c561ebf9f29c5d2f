# A stage in another language, written from lat(5) alone, exchanges streams with ours: every type, both filters, both ways.
. tests/lib.sh
python=tests/interop/lat.py
for s in one parts ranks types-none types-shuffle unknown empty-stream; do
	cat formats/samples/$s.lat
done > "$T/all.lat"
records=$(lat-info --json "$T/all.lat" | wc -l)
for filter in none shuffle; do
	python3 $python $filter < "$T/all.lat" > "$T/theirs.lat"
	expect_exit 0 "$filter: lat-check takes what it wrote" lat-check "$T/theirs.lat"
	expect_exit 0 "$filter: the same numbers" lat-diff "$T/all.lat" "$T/theirs.lat"
	is "$filter: all records" "$(lat-info --json "$T/theirs.lat" | wc -l)" "$records"
	lat-cut --no-history "$T/theirs.lat" | python3 $python none | lat-diff "$T/theirs.lat" - > "$T/out" 2>&1
	is "$filter: it reads ours" $? 0
done
# ours: frames of our own making, of a size where planes have several blocks
python3 - "$T" << 'END'
import array, random, sys
random.seed(1)
for code, name in (("f", "<f4"), ("d", "<f8"), ("h", "<i2"), ("B", "|u1")):
    a = array.array(code, [int(random.gauss(0, 40)) % 200 for _ in range(60 * 50 * 50)])
    head = "{'descr': '%s', 'fortran_order': False, 'shape': (60, 50, 50), }" % name
    head += " " * (117 - len(head)) + "\n"
    with open("%s/%s.npy" % (sys.argv[1], code), "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + a.tobytes())
END
npy2lat --id big f="$T/f.npy" d="$T/d.npy" h="$T/h.npy" B="$T/B.npy" > "$T/big.lat"
expect_exit 0 'ours with many blocks' lat-check "$T/big.lat"
python3 $python none < "$T/big.lat" | lat-diff "$T/big.lat" - > "$T/out"
is 'ours with many blocks: the same numbers' "$? $(cut -f6 "$T/out" | sort | uniq -c | tr -s ' \n' ' ')" '0  1 result 4 same '
# it is a test of its own that the reader refuses what is broken
for s in cut-tensor cut-end flip-header flip-tensor count version; do
	expect_exit 1 "it refuses $s.lat" bash -c "python3 $python none < formats/samples/$s.lat"
done
finish
