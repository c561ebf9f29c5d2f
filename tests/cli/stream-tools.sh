# lat-info, lat-check, lat-diff, lat-cut, lat2npy, lat2tsv, npy2lat: what they do, and what they refuse.
. tests/lib.sh
one=formats/samples/one.lat parts=formats/samples/parts.lat types=formats/samples/types-none.lat
names() { lat-info --json "$@" | python3 -c '
import json, sys
print(*(r["id"] + ":" + ",".join(t["name"] for t in r["tensors"]) for r in map(json.loads, sys.stdin)))'; }

# lat-info
is 'lat-info: the table' "$(lat-info $one | cut -f1-6,8)" "id	months	tensor	dtype	shape	bytes	model
sub-01	12	x	f32	1x4x3x2	96	-
sub-01	12	z	f32	3x2x2x2	96	abababababab"
is 'lat-info: from stdin' "$(lat-info < $one)" "$(lat-info $one)"
is 'lat-info: several inputs' "$(lat-info $one $parts | cut -f1 | tr '\n' ' ')" 'id sub-01 sub-01 sub-01 sub-02 sub-03 '
is 'lat-info: the history' "$(lat-info --history $one)" "id	tool	version	options
sub-01	nii2lat	0.1.0	{}"
is 'lat-info: numbers are numbers' "$(lat-info --json --stats $one | python3 -c '
import json, sys
r = json.loads(sys.stdin.read())
t = r["tensors"][0]
print(r["months"], t["shape"], t["min"], t["not_finite"], t["bytes"], r["tensors"][1]["model"]["identity"][:4])')" '12 [1, 4, 3, 2] -3.125 0 96 abab'
is 'lat-info: what is not finite has no number' "$(lat-info --json --stats formats/samples/not-finite.lat | grep -o '"max":[^,]*,"mean":[^,]*\|"not_finite":3' | tr '\n' ' ')" \
	'"max":2.0,"mean":1.0 "not_finite":3 '
is 'lat-info: an empty stream' "$(lat-info formats/samples/empty-stream.lat | wc -l)" 1
refuses 65 'lat-info --stats: an unknown type' lat-info --json --stats formats/samples/unknown.lat
is 'lat-info --stats: says which' "$(cat "$T/err")" "lat-info: sub-01: tensor later: type 'q4' is not known"

# lat-check
refuses 66 'lat-check: nothing there' lat-check "$T/none.lat"
expect_exit 0 'lat-check: several inputs' lat-check $one $parts
lat-check -v - < $parts 2> "$T/err"
is 'lat-check -v counts' "$(cat "$T/err")" 'lat-check: stdin: 3 records, 2 tensors'
expect_exit 65 'lat-check --keep-going: goes on' lat-check -v --keep-going formats/samples/count.lat $one
like 'lat-check --keep-going: says both' "$(cat "$T/err")" 'end marker of 3 .*one.lat: 1 records, 2 tensors'
# a length, a header, one number: as short as weights can be
header='{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  '
{ printf '\x38\0\0\0\0\0\0\0%s\0\0\200?' "$header"; } > "$T/w.safetensors"
expect_exit 0 'lat-check: weights' lat-check "$T/w.safetensors"
cp "$T/w.safetensors" "$T/nameless"
expect_exit 0 'lat-check: weights are known by their beginning' lat-check "$T/nameless"
truncate -s -1 "$T/w.safetensors"
refuses 78 'lat-check: weights cut short' lat-check "$T/w.safetensors"

# lat-cut
is 'lat-cut: everything' "$(lat-cut $parts | names)" "$(names $parts)"
is 'lat-cut -r ID' "$(lat-cut -r sub-02 $parts | names)" 'sub-02:z'
is 'lat-cut -r N:M' "$(lat-cut -r 2:3 $parts | names)" 'sub-02:z sub-03:'
is 'lat-cut -r N:' "$(lat-cut -r 3: $parts | names)" 'sub-03:'
is 'lat-cut -r :M' "$(lat-cut -r :1 $parts | names)" 'sub-01:x'
is 'lat-cut -r beyond the end' "$(lat-cut -r 9:10 $parts | names)" ''
is 'lat-cut: numbers go on over inputs' "$(lat-cut -r 4:4 $parts $one | names)" 'sub-01:x,z'
printf '\357\273\277sub-03\r\n sub-01 \n\n' > "$T/ids"
is 'lat-cut --ids' "$(lat-cut --ids "$T/ids" $parts | names)" 'sub-01:x sub-03:'
is 'lat-cut --ids and -r' "$(lat-cut --ids "$T/ids" -r 2:3 --keep-going $parts 2> /dev/null | names)" 'sub-03:'
is 'lat-cut -n' "$(lat-cut -n z $one | names)" 'sub-01:z'
is 'lat-cut -n keeps the order of the stream' "$(lat-cut -n z,x $one | names)" 'sub-01:x,z'
refuses 65 'lat-cut -n: no such tensor' lat-cut -o "$T/o" -n y $one
is 'lat-cut -n: says so' "$(cat "$T/err")" 'lat-cut: sub-01: no tensor y (it has x, z)'
refuses 65 'lat-cut -r: no such record' lat-cut -o "$T/o" -r sub-9 $one
is 'lat-cut -r: says so' "$(cat "$T/err")" 'lat-cut: sub-9: no such record (ids most like it: sub-01)'
python3 - "$T" << 'END'
import struct, sys
def npy(path, shape, values, descr="<f4", code="f"):
    head = ("{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (descr, shape)).encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    open(path, "wb").write(b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + struct.pack("<%d%s" % (len(values), code), *values))
T = sys.argv[1]
npy(T + "/a.npy", "(3,)", [1, -0.1, 1e-30])
npy(T + "/b.npy", "(3,)", [16777217, 0.5, 3])
npy(T + "/c.npy", "(2,)", [1, 2])
npy(T + "/d.npy", "(3,)", [0.1, 1 / 3, 2], "<f8", "d")
npy(T + "/s.npy", "()", [7])
npy(T + "/i.npy", "(3,)", [-1, 0, 2147483647], "<i4", "i")
END
code() { npy2lat --no-history --id "$1" y="$T/$2.npy"; }
{ code sub-01_ses-M00_T1w a; code sub-01_ses-M12_T1w b; code sub-010_T1w a; code sub-A02_T1w b; } > "$T/codes.lat"
is 'lat-cut -r: all of a subject' "$(lat-cut -r sub-01 "$T/codes.lat" | names)" 'sub-01_ses-M00_T1w:y sub-01_ses-M12_T1w:y'
is 'lat-cut -r: a visit' "$(lat-cut -r sub-01_ses-M12 "$T/codes.lat" | names)" 'sub-01_ses-M12_T1w:y'
is 'lat-cut -r: an id and what goes on behind it' "$({ code sub-01 a; cat "$T/codes.lat"; } | lat-cut -r sub-01 | names)" \
	'sub-01:y sub-01_ses-M00_T1w:y sub-01_ses-M12_T1w:y'
refuses 65 'lat-cut -r: a label in the wrong case' lat-cut -o "$T/o" -r sub-a02 "$T/codes.lat"
is 'lat-cut -r: the id most like it comes first' "$(cat "$T/err")" \
	'lat-cut: sub-a02: no such record (ids most like it: sub-A02_T1w, sub-01_ses-M00_T1w, sub-01_ses-M12_T1w)'
refuses 65 'lat-cut --ids: whole ids alone' lat-cut -o "$T/o" --ids <(echo sub-01) "$T/codes.lat"
is 'lat-cut --ids: says so' "$(cat "$T/err")" 'lat-cut: sub-01: no such record'
refuses 65 'lat-cut -r: the beginning of a label is none' lat-cut -o "$T/o" -r sub-0 "$T/codes.lat"

# lat2tsv
is 'lat2tsv' "$(lat2tsv "$T/codes.lat")" "participant_id	session_id	y1	y2	y3
sub-01	ses-M00	1	-0.100000001	1e-30
sub-01	ses-M12	16777216	0.5	3
sub-010	n/a	1	-0.100000001	1e-30
sub-A02	n/a	16777216	0.5	3"
is 'lat2tsv: doubles to the last bit' "$(code a d | lat2tsv | tail -n 1)" $'a\tn/a\t0.10000000000000001\t0.33333333333333331\t2'
is 'lat2tsv: whole numbers' "$(code a i | lat2tsv | tail -n 1)" $'a\tn/a\t-1\t0\t2147483647'
is 'lat2tsv: a scalar, another name' "$(npy2lat --id a w="$T/s.npy" | lat2tsv -n w)" $'participant_id\tsession_id\tw1\na\tn/a\t7'
is 'lat2tsv: rows and columns in the order of C' "$(lat2tsv -n z $one | head -n 1 | wc -w) $(lat2tsv -n z $one | tail -n 1 | tr '\t' '\n' | tail -n +3 |
	python3 -c 'import struct, sys; sys.stdout.buffer.write(struct.pack("<24f", *map(float, sys.stdin)))' | sha256sum)" \
	"26 $(lat2npy -n z $one | tail -c 96 | sha256sum)"
refuses 65 'lat2tsv: another shape' lat2tsv -o "$T/o" <(code a a; code b c)
is 'lat2tsv: says so' "$(cat "$T/err")" 'lat2tsv: b: y is not of the shape that it has in the first record'
refuses 65 'lat2tsv: a scalar, then more' lat2tsv -o "$T/o" <(code a s; code b a)
refuses 65 'lat2tsv: two records of one id' lat2tsv -o "$T/o" <(code a a; code a b)
refuses 65 'lat2tsv: no record' lat2tsv -o "$T/o" formats/samples/empty-stream.lat
expect_exit 65 'lat2tsv --keep-going: no record' lat2tsv --keep-going -o "$T/o" formats/samples/empty-stream.lat
refuses 65 'lat2tsv: no such tensor' lat2tsv -o "$T/o" $one
refuses 65 'lat2tsv: not finite' lat2tsv -n "$(lat-info formats/samples/not-finite.lat | sed -n 2p | cut -f3)" -o "$T/o" formats/samples/not-finite.lat
test ! -e "$T/o"
is 'lat2tsv: nothing refused left a file' $? 0
expect_exit 0 'lat2tsv: two scans of a visit' lat2tsv -o "$T/twice.tsv" <(code sub-01_run-1_T1w a; code sub-01_run-2_T1w b)
is 'lat2tsv: are told' "$(cat "$T/err")" 'lat2tsv: sub-01_run-2_T1w: a second row of sub-01; lat-cut chooses one'
expect_exit 65 'lat2tsv --keep-going' lat2tsv --keep-going -o "$T/kept.tsv" <(code a a; code b c; code d b)
is 'lat2tsv --keep-going: the others are kept' "$(cut -f1 "$T/kept.tsv" | tr '\n' ' ')" 'participant_id a d '
expect_exit 74 'lat2tsv: a full disk' bash -c "lat2tsv '$T/codes.lat' > /dev/full"

# lat2npy --stack
lat2npy -n y --stack --ids "$T/stack.txt" -o "$T/stack.npy" "$T/codes.lat"
is 'lat2npy --stack: the shape' "$(head -c 128 "$T/stack.npy" | grep -ao "'shape': ([^)]*)")" "'shape': (4, 3)"
is 'lat2npy --stack: the rows' "$(tail -c 48 "$T/stack.npy" | sha256sum)" "$(for f in a b a b; do tail -c 12 "$T/$f.npy"; done | sha256sum)"
is 'lat2npy --stack: the ids' "$(tr '\n' ' ' < "$T/stack.txt")" 'sub-01_ses-M00_T1w sub-01_ses-M12_T1w sub-010_T1w sub-A02_T1w '
is 'lat2npy --stack: scalars' "$({ code a s; code b s; } | lat2npy -n y --stack | grep -ao "'shape': ([^)]*)")" "'shape': (2,)"
refuses 65 'lat2npy --stack: another shape' lat2npy -n y --stack --ids "$T/o.txt" -o "$T/o" <(code a a; code b c)
refuses 65 'lat2npy --stack: another type' lat2npy -n y --stack --ids "$T/o.txt" -o "$T/o" <(code a a; code b d)
refuses 65 'lat2npy --stack: two records of one id' lat2npy -n y --stack --ids "$T/o.txt" -o "$T/o" <(code a a; code a b)
refuses 65 'lat2npy --stack: no record' lat2npy -n y --stack --ids "$T/o.txt" -o "$T/o" formats/samples/empty-stream.lat
refuses 64 'lat2npy --ids: needs --stack' lat2npy -n y --ids "$T/o.txt" -o "$T/o" "$T/codes.lat"
refuses 64 'lat2npy --stack: not with {id}' lat2npy -n y --stack -o "$T/{id}.npy" "$T/codes.lat"
refuses 73 'lat2npy --ids: a file that exists' lat2npy -n y --stack --ids "$T/stack.txt" -o "$T/o" "$T/codes.lat"
test ! -e "$T/o" && test ! -e "$T/o.txt"
is 'lat2npy --stack: nothing refused left a file' $? 0
for bad in 0:1 3:2 1:x : a/b 1:2:3 -1:2; do refuses 64 "lat-cut -r $bad" lat-cut -o "$T/o" -r "$bad" $one; done
refuses 64 'lat-cut -n: an empty name' lat-cut -o "$T/o" -n x,,z $one
refuses 64 'lat-cut --ids: not an id' lat-cut -o "$T/o" --ids <(echo '../a') $one
refuses 66 'lat-cut --ids: no such file' lat-cut -o "$T/o" --ids "$T/none" $one
[ ! -e "$T/o" ]
is 'lat-cut: nothing refused left a file' $? 0
version=$(sed -n 's/^VERSION := //p' Makefile)
is 'lat-cut: history grows' "$(lat-cut -n x -r sub-01 -j2 $one | lat-cut | lat-info --history | cut -f2- | tr '\n\t' '; ')" \
	"tool version options;nii2lat 0.1.0 {};lat-cut $version {\"names\": \"x\"};lat-cut $version {};"
lat-cut --no-history $one | cmp - <(lat-cut --no-history < $one | lat-cut --no-history)
is 'lat-cut --no-history: the same bytes again' $? 0
is 'lat-cut --no-history: golden bytes' "$(lat-cut --no-history $one | sha256sum)" "$(sha256sum < $one)"
(cat $one; cat formats/samples/cut-tensor.lat) > "$T/half.lat"
expect_exit 65 'lat-cut --keep-going: a broken input' lat-cut --keep-going -o "$T/kept.lat" "$T/half.lat" $parts
is 'lat-cut --keep-going: what was whole is kept' "$(names "$T/kept.lat")" "sub-01:x,z $(names $parts)"
like 'lat-cut --keep-going: says so' "$(cat "$T/err")" '^lat-cut: .*half.lat: byte [0-9]+: .*\(skipped, and all behind it\)$'
expect_exit 65 'lat-cut --keep-going: a record without the tensor' lat-cut --keep-going -n z -o "$T/kept2.lat" $parts
is 'lat-cut --keep-going: the others are kept' "$(names "$T/kept2.lat")" 'sub-02:z'
expect_exit 73 'lat-cut: an output that exists' lat-cut -o "$T/kept.lat" $one
expect_exit 0 'lat-cut -f: overwritten' lat-cut -f -o "$T/kept.lat" $one
expect_exit 74 'lat-cut: a full disk' bash -c "lat-cut $one > /dev/full"
expect_exit 74 'lat-cut: the same with -o' lat-cut -o /dev/full $one
expect_exit 65 'lat-cut | lat-check: no end marker behind an error' bash -c "lat-cut formats/samples/cut-tensor.lat 2> /dev/null | lat-check"
# a record comes out before the next one is there
mkfifo "$T/in" "$T/out.fifo"
lat-cut --no-history < "$T/in" > "$T/out.fifo" &
exec 3> "$T/in" 4< "$T/out.fifo"
cat $one >&3
n=$(($(stat -c %s $one) - 33))
early=$(timeout 20 head -c "$n" <&4 | wc -c)
exec 3>&-
cat <&4 > /dev/null
exec 4<&-
is 'lat-cut: a record goes on at once' "$early" "$n"
wait

# memory does not grow with the number of records
head -c 60000 /dev/urandom > "$T/noise"
python3 -c "
h = \"{'descr': '|u1', 'fortran_order': False, 'shape': (60000,), }\".ljust(117) + '\n'
open('$T/noise.npy', 'wb').write(b'\x93NUMPY\1\0' + len(h).to_bytes(2, 'little') + h.encode() + open('$T/noise', 'rb').read())"
npy2lat --id a x="$T/noise.npy" > "$T/noise.lat"
many() { for ((i = 0; i < $1; i++)); do echo "$T/noise.lat"; done | xargs cat; }
many 100 > "$T/many.lat"
expect_exit 141 'lat-cut: a closed pipe' bash -c "lat-cut '$T/many.lat' | head -c 10 > /dev/null; exit \${PIPESTATUS[0]}"
if [ "$(nm "$BUILD/lat-cut" 2> /dev/null | grep -c ' __asan_init$')" -ne 0 ] || [ ! -x /usr/bin/time ]; then
	skip 'flat memory over 1,000 records' 'needs GNU time and no sanitizers'
else
	flat() { # N: peak kB of lat-cut and lat-check
		many "$1" | /usr/bin/time -f %M -o "$T/kb1" lat-cut -n x | /usr/bin/time -f %M -o "$T/kb2" lat-check
		cat "$T/kb1" "$T/kb2" | tr '\n' ' '
	}
	read -r a b < <(flat 20)
	read -r c d < <(flat 1000)
	is 'flat memory over 1,000 records' "$((c < a + a / 10 + 1000 && d < b + b / 10 + 1000))" 1
	echo "# lat-cut $a -> $c kB, lat-check $b -> $d kB"
fi

# lat2npy, npy2lat
for n in f32 f64 f16 i8 i16 i32 i64 u8 u16 u32 u64; do
	lat2npy -n $n -f -o "$T/t.npy" $types && npy2lat --id sub-01 $n="$T/t.npy" | lat-diff <(lat-cut -n $n $types) - > "$T/out"
	is "$n: there and back" $? 0
done
lat2npy -n bf16 -f -o "$T/t.npy" $types && npy2lat --id sub-01 bf16="$T/t.npy" > "$T/t.lat"
expect_exit 0 'bf16 becomes f32, the same numbers' lat-diff <(lat-cut -n bf16 $types) "$T/t.lat"
is 'bf16 becomes f32' "$(lat-info "$T/t.lat" | tail -n 1 | cut -f4)" f32
is 'lat2npy: to stdout' "$(lat2npy -n f32 $types | head -c 6 | tail -c 5)" NUMPY
mkdir "$T/d"
cat $one $parts | lat-cut -r 1:1 > "$T/a.lat"
expect_exit 0 'lat2npy: {id}' lat2npy -n z -o "$T/d/{id}.npy" <(cat "$T/a.lat"; lat-cut -r sub-02 $parts)
is 'lat2npy: {id}: files' "$(ls "$T/d" | tr '\n' ' ')" 'sub-01.npy sub-02.npy '
refuses 65 'lat2npy: two records of one id' lat2npy -n z -f -o "$T/d/{id}.npy" "$T/a.lat" "$T/a.lat"
is 'lat2npy: two records of one id: says so' "$(cat "$T/err")" 'lat2npy: sub-01: a second record of this id'
refuses 65 'lat2npy: two records for one file' lat2npy -n z -o "$T/d/x.npy" "$T/a.lat" "$T/a.lat"
refuses 65 'lat2npy: no record' lat2npy -n z -o "$T/d/x.npy" formats/samples/empty-stream.lat
refuses 65 'lat2npy: no tensor' lat2npy -n y -o "$T/d/x.npy" "$T/a.lat"
refuses 65 'lat2npy: a type not known' lat2npy -n later -o "$T/d/x.npy" formats/samples/unknown.lat
refuses 65 'lat2npy: a filter not known' lat2npy -n delta -o "$T/d/x.npy" formats/samples/unknown.lat
refuses 64 'lat2npy: no name' lat2npy -o "$T/d/x.npy" "$T/a.lat"
refuses 73 'lat2npy: the file exists' lat2npy -n z -o "$T/d/sub-01.npy" "$T/a.lat"
expect_exit 74 'lat2npy: a full disk' bash -c "lat2npy -n z '$T/a.lat' > /dev/full"
is 'lat2npy: nothing refused left a file' "$(ls -A "$T/d" | tr '\n' ' ')" 'sub-01.npy sub-02.npy '

lat-cut -n x $parts -r sub-01 | npy2lat --onto - z="$T/d/sub-02.npy" > "$T/o.lat"
is 'npy2lat --onto: adds' "$(names "$T/o.lat")" 'sub-01:x,z'
npy2lat --onto "$T/o.lat" x="$T/d/{id}.npy" > "$T/o2.lat"
expect_exit 0 'npy2lat --onto: {id}, replaces' lat-diff <(lat-cut -n z "$T/o2.lat") <(lat2npy -n x "$T/o2.lat" | npy2lat --id sub-01 z=-)
is 'npy2lat --onto: a tensor from outside has no identity' \
	"$(npy2lat --onto $one z="$T/d/sub-01.npy" | lat-info | cut -f3,8 | tr '\t\n' ' ;')" 'tensor model;x -;z -;'
is 'npy2lat --onto: passes on the rest' "$(npy2lat --onto $one new="$T/d/sub-01.npy" | lat-info | cut -f2,3,8 | tr '\t\n' ' ;')" \
	'months tensor model;12 x -;12 z abababababab;12 new -;'
refuses 65 'npy2lat --onto: several records need {id}' npy2lat --onto $parts -o "$T/x.lat" z="$T/d/sub-01.npy"
refuses 65 'npy2lat --onto: no record' npy2lat --onto formats/samples/empty-stream.lat -o "$T/x.lat" z="$T/d/sub-01.npy"
refuses 66 'npy2lat --onto: no file for a record' npy2lat --onto $parts -o "$T/x.lat" z="$T/d/{id}.npy"
refuses 64 'npy2lat: neither --id nor --onto' npy2lat -o "$T/x.lat" z="$T/d/sub-01.npy"
refuses 64 'npy2lat: both' npy2lat --id a --onto $one -o "$T/x.lat" z="$T/d/sub-01.npy"
refuses 64 'npy2lat: not NAME=FILE' npy2lat --id a -o "$T/x.lat" "$T/d/sub-01.npy"
refuses 64 'npy2lat: not a name' npy2lat --id a -o "$T/x.lat" a/b="$T/d/sub-01.npy"
refuses 64 'npy2lat: not an id' npy2lat --id a/b -o "$T/x.lat" a="$T/d/sub-01.npy"
refuses 64 'npy2lat: a name twice' npy2lat --id a -o "$T/x.lat" a="$T/d/sub-01.npy" a="$T/d/sub-02.npy"
refuses 65 'npy2lat: not a NumPy file' npy2lat --id a -o "$T/x.lat" a=$one
[ ! -e "$T/x.lat" ]
is 'npy2lat: nothing refused left a file' $? 0

# lat-diff
python3 - "$T" << 'END'
import struct, sys
vectors = {"a": "1 -4 2", "b": "1 -4 2.5", "one": "1", "two": "1 2", "zero": "0 0",
           "zero2": "0 -0", "tiny": "0 1e-9"}
for name, v in vectors.items():
    v = [float(a) for a in v.split()]
    h = ("{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }" % len(v)).ljust(117) + "\n"
    with open(sys.argv[1] + "/v-" + name, "wb") as f:
        f.write(b"\x93NUMPY\1\0" + len(h).to_bytes(2, "little") + h.encode() + struct.pack("<%df" % len(v), *v))
END
vector() { npy2lat --id "$1" v="$T/v-$2"; } # ID NAME
vector a a > "$T/a.lat"
vector a b > "$T/b.lat"
vector b one > "$T/other.lat"
expect_exit 0 'lat-diff: the same' lat-diff "$T/a.lat" "$T/a.lat"
expect_exit 1 'lat-diff: not the same' lat-diff "$T/a.lat" "$T/b.lat"
is 'lat-diff: the table' "$(cat "$T/out")" "id	tensor	relative	absolute	rms	result
a	v	0.125	0.5	0.288675	differs"
expect_exit 0 'lat-diff -t' lat-diff -t .125 "$T/a.lat" "$T/b.lat"
expect_exit 1 'lat-diff -t: just beyond' lat-diff -t .1249 "$T/a.lat" "$T/b.lat"
is 'lat-diff --json' "$(lat-diff --json "$T/a.lat" "$T/b.lat")" '{"id":"a","tensor":"v","relative":0.125,"absolute":0.5,"rms":0.28867513459481287,"same":false,"problem":null}'
expect_exit 1 'lat-diff: a record too few' lat-diff <(cat "$T/a.lat" "$T/other.lat") "$T/a.lat"
like 'lat-diff: a record too few: says so' "$(tail -n 1 "$T/out")" '^b	-	-	-	-	not in B$'
expect_exit 1 'lat-diff: a record too many' lat-diff "$T/a.lat" <(cat "$T/a.lat" "$T/other.lat")
like 'lat-diff: a record too many: says so' "$(tail -n 1 "$T/out")" 'not in A$'
expect_exit 1 'lat-diff: a tensor missing' lat-diff $one <(lat-cut -n z $one)
expect_exit 1 'lat-diff: another shape' lat-diff "$T/a.lat" <(vector a two)
like 'lat-diff: another shape: says so' "$(tail -n 1 "$T/out")" 'another shape$'
expect_exit 0 'lat-diff: another order of records' lat-diff <(cat "$T/a.lat" "$T/other.lat") <(cat "$T/other.lat" "$T/a.lat")
expect_exit 0 'lat-diff: ids that appear twice pair in order' lat-diff <(cat "$T/a.lat" "$T/b.lat") <(cat "$T/a.lat" "$T/b.lat")
expect_exit 0 'lat-diff: another filter, the same numbers' lat-diff $types formats/samples/types-shuffle.lat
poke=$BUILD/tests/tools/poke
"$poke" "$T/a.lat" "$T/nan2.lat" a v 1 nan
"$poke" "$T/nan2.lat" "$T/nan.lat" a v 2 inf
for other in nan nan2 a; do
	expect_exit 1 "lat-diff: NaN and infinity, against $other" lat-diff -t 1e30 "$T/nan.lat" "$T/$other.lat"
done
expect_exit 1 'lat-diff: NaN' lat-diff -t 1e30 "$T/nan.lat" "$T/nan2.lat"
like 'lat-diff: NaN: says so' "$(tail -n 1 "$T/out")" '^a	v	-	-	-	numbers that are not finite: 2 in A, 1 in B$'
expect_exit 1 'lat-diff: NaN, the other way' lat-diff -t 1e30 "$T/a.lat" "$T/nan2.lat"
expect_exit 0 'lat-diff: all zero' lat-diff <(vector a zero) <(vector a zero2)
expect_exit 1 'lat-diff: from zero' lat-diff -t 1 <(vector a zero) <(vector a tiny)
expect_exit 65 'lat-diff: a broken stream' lat-diff formats/samples/empty.lat $one
like 'lat-diff: a broken stream: says so' "$(cat "$T/err")" '^lat-diff: formats/samples/empty.lat: byte 0: empty' 
refuses 64 'lat-diff: both from stdin' lat-diff - -
refuses 64 'lat-diff: a negative tolerance' lat-diff -t -1 $one $one
finish
