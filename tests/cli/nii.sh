# NIfTI in and out: axis orders, types, headers kept byte for byte, refusals; on made-up scans, and on the shared ones where they are.
. tests/lib.sh
export OMP_NUM_THREADS=1 # the machine runs several tests at once
make_nii=$BUILD/tests/tools/make-nii
asan=$(nm "$BUILD/nii2lat" 2> /dev/null | grep -c ' __asan_init$')

# header A B: what differs between the headers of two files, extensions included, but for datatype, bitpix, slope and intercept; and these of B
cat > "$T/header.py" << 'E2'
import gzip, struct, sys
def read(p):
    b = open(p, 'rb').read()
    return gzip.decompress(b) if b[:2] == b'\x1f\x8b' else b
def header(p):
    b = read(p)
    little = b[:4] in (struct.pack('<i', 348), struct.pack('<i', 540))
    e = '<' if little else '>'
    two = struct.unpack(e + 'i', b[:4])[0] == 540
    magic = b[4:7] if two else b[344:347]
    off = 0 if magic[1:2] == b'i' else int(struct.unpack_from(e + ('q' if two else 'f'), b, 168 if two else 108)[0]) or (544 if two else 352)
    h = bytearray(b if magic[1:2] == b'i' else b[:off])
    own = (12, 14, 176, 184, 192) if two else (70, 72, 112, 116, 120)
    t = struct.unpack_from(e + 'hh', h, own[0])
    s = struct.unpack_from(e + ('dd' if two else 'ff'), h, own[2])
    h[own[0]:own[0] + 4] = bytes(4)
    h[own[2]:own[4]] = bytes(own[4] - own[2])
    return bytes(h), t, s
for line in sys.stdin:
    f, g = line.split()
    (a, _, _), (b, t, s) = header(f), header(g)
    print('same' if a == b else 'bytes %s' % [i for i in range(min(len(a), len(b))) if a[i] != b[i]][:8] + ' %d %d' % (len(a), len(b)), t, s)
E2
header() { python3 "$T/header.py" <<< "$1 $2"; }

"$make_nii" "$T/ref.nii"
nii2lat --grid-only --no-history --id scan -o "$T/ref.lat" "$T/ref.nii" 2> "$T/err"
# an ellipsoid is told from a brain, and nothing else is said
unlike='does not look like a registered brain: SSIM with the mean brain'
is 'an ellipsoid in its place: one warning' "$(grep -c "ref.nii: $unlike" "$T/err") of $(wc -l < "$T/err")" '1 of 1'

# ---- one scan in several axis orders (a unit test takes all 48), types, codes, byte orders, versions ----
n=0 types=(int16 float32 float64 uint16 int32)
mkdir "$T/orders"
for order in RAS LAS RSA LIP ARS PLI ASR AIL SRA IRP SAR SPL; do
	q=$((n % 3)) s=$(((n / 3) % 3))
	[ $((q + s)) -gt 0 ] || q=1
	"$make_nii" "$T/orders/$order.nii" mm=2.9 order=$order type=${types[n % 5]} qform=$q sform=$s swap=$((n % 2)) version=$((1 + n / 2 % 2)) \
		extension=$((n / 4 % 2))
	n=$((n + 1))
done
expect_exit 0 '12 axis orders are taken' nii2lat --grid-only -o "$T/orders.lat" "$T"/orders/*.nii
is '12 axis orders: no other warning' "$(grep -v "$unlike" "$T/err")" ''
lat2npy -n x -o "$T/orders/{id}.npy" "$T/orders.lat"
is '12 axis orders: the same voxels within 1e-5' "$(python3 - "$T"/orders/*.npy << 'E2'
import array, sys
v = []
for p in sys.argv[1:]:
    a = array.array('f')
    a.frombytes(open(p, 'rb').read()[-4 * 64 * 80 * 64:])
    v.append(a)
top = max(v[0])
print(len(v), top > 1, sum(max(abs(x - y) for x, y in zip(a, v[0])) > 1e-5 * top for a in v))
E2
)" '12 True 0'
expect_exit 0 '12 axis orders go back' lat2nii --grid-only --native -o "$T/orders/{id}.nii.gz" "$T/orders.lat"
is '12 axis orders: each its own header' "$(for f in "$T"/orders/*.nii; do echo "$f $f.gz"; done | python3 "$T/header.py" | sort | uniq -c | tr -s ' ')" \
	' 12 same (16, 32) (1.0, 0.0)'

# oblique and sheared grids, other voxels: the same brain, where it should be
lat2nii --unit --grid-only -o "$T/ref3.nii" "$T/ref.lat"
for o in 'degrees=-20 order=LPS' 'shear=.1 qform=0' 'mm=2.7 order=SRA'; do
	# shellcheck disable=SC2086
	"$make_nii" "$T/o.nii" $o
	nii2lat --grid-only --no-history --id scan "$T/o.nii" > "$T/o.lat"
	lat2nii --unit --grid-only -f -o "$T/o3.nii" "$T/o.lat"
	holds "$o: the same brain" nii-score --min-ssim .97 --max-mse 5e-4 "$T/ref3.nii" "$T/o3.nii"
	lat2nii --grid-only --native -f -o "$T/b.nii" "$T/o.lat"
	is "$o: its own header" "$(header "$T/o.nii" "$T/b.nii")" 'same (16, 32) (1.0, 0.0)'
	holds "$o: and its voxels, as far as 3 mm hold them" nii-score --range 900 --min-ssim .85 "$T/o.nii" "$T/b.nii"
done

# ---- threads, pipes, pairs ----
is 'same bytes for one thread and for two' "$(nii2lat -j1 --grid-only "$T/ref.nii" | sha256sum)" "$(nii2lat -j2 --grid-only "$T/ref.nii" | sha256sum)"
lat2nii -j1 --grid-only --native -f -o "$T/1.nii.gz" "$T/ref.lat"
lat2nii -j2 --grid-only --native -f -o "$T/2.nii.gz" "$T/ref.lat"
holds 'same bytes back, compressed' cmp "$T/1.nii.gz" "$T/2.nii.gz"
is 'no time in the compressed header' "$(head -c 8 "$T/1.nii.gz" | od -An -tx1)" ' 1f 8b 08 00 00 00 00 00'
gzip -c "$T/ref.nii" | nii2lat --grid-only --no-history --id scan - > "$T/pipe.lat"
holds 'compressed, on stdin' cmp "$T/pipe.lat" "$T/ref.lat"
nii2lat --grid-only --no-history --id scan - < "$T/ref.nii" > "$T/pipe.lat"
holds 'plain, on stdin' cmp "$T/pipe.lat" "$T/ref.lat"
"$make_nii" "$T/pair.hdr.gz"
for f in pair.hdr.gz pair.img.gz; do
	nii2lat --grid-only --no-history --id scan "$T/$f" > "$T/pair.lat"
	holds "$f: a pair" lat-diff "$T/ref.lat" "$T/pair.lat"
done
lat2nii --grid-only --native -o "$T/back.hdr" "$T/pair.lat"
is 'a pair again' "$(header "$T/pair.hdr.gz" "$T/back.hdr")" 'same (16, 32) (1.0, 0.0)'
is 'its image' "$(stat -c %s "$T/back.img")" $((90 * 110 * 86 * 4))
lat2nii --grid-only --native "$T/ref.lat" > "$T/stdout.nii"
is 'to stdout' "$(header "$T/ref.nii" "$T/stdout.nii")" 'same (16, 32) (1.0, 0.0)'

# ---- the scan's own type ----
"$make_nii" "$T/u8.nii" type=uint8 slope=4
nii2lat --grid-only "$T/u8.nii" > "$T/u8.lat"
lat2nii --grid-only --native --source-type -f -o "$T/b.nii" "$T/u8.lat" 2> "$T/err"
is '--source-type keeps type and scaling' "$(header "$T/u8.nii" "$T/b.nii")" 'same (2, 8) (4.0, 0.0)'
like '--source-type says what it rounds' "$(cat "$T/err")" '^lat2nii: u8: [0-9]+ voxels rounded to the scan.s data type$'
holds '--source-type: the values' nii-score --range 900 --min-ssim .85 "$T/u8.nii" "$T/b.nii"
refuses 64 '--source-type alone' lat2nii --grid-only --source-type -o "$T/no.nii" "$T/u8.lat"

# ---- ids, months, several records ----
mkdir "$T/d"
"$make_nii" "$T/sub-1_ses-M12_T1w.nii.gz" mm=6
cp "$T/sub-1_ses-M12_T1w.nii.gz" "$T/d/"
cp "$T/sub-1_ses-M12_T1w.nii.gz" "$T/d/sub-2_T1w.nii.gz"
nii2lat --grid-only "$T/sub-1_ses-M12_T1w.nii.gz" "$T/d/sub-2_T1w.nii.gz" > "$T/two.lat"
is 'ids and months' "$(lat-info "$T/two.lat" | cut -f1,2 | tail -n +2 | tr '\t\n' ',;')" 'sub-1_ses-M12_T1w,12;sub-2_T1w,-;'
is '--months' "$(nii2lat --grid-only --months 7.5 "$T/d/sub-2_T1w.nii.gz" | lat-info | cut -f2 | tail -n 1)" 7.5
lat2nii --grid-only -o "$T/d/{id}_x.nii.gz" "$T/two.lat"
is '{id} in the output' "$(cd "$T/d" && ls ./*_x.nii.gz | tr '\n' ' ')" './sub-1_ses-M12_T1w_x.nii.gz ./sub-2_T1w_x.nii.gz '
refuses 65 'two records, one name' lat2nii --grid-only -o "$T/no.nii" "$T/two.lat"
refuses 73 'an output that exists' lat2nii --grid-only -o "$T/ref.nii" "$T/ref.lat"
nii2lat --grid-only "$T/sub-1_ses-M12_T1w.nii.gz" "$T/d/sub-1_ses-M12_T1w.nii.gz" > "$T/out" 2> "$T/err"
is 'a duplicate id: status' $? 65
like 'a duplicate id: one line' "$(cat "$T/err")" '^nii2lat: .*sub-1_ses-M12_T1w'
expect_exit 65 'a duplicate id: no whole stream' lat-check "$T/out"
refuses 64 'stdin without an id' nii2lat --grid-only -
refuses 64 'one id for two files' nii2lat --grid-only --id a "$T/ref.nii" "$T/u8.nii"
refuses 64 'an id that cannot be one' nii2lat --grid-only --id ../a "$T/ref.nii"
cp "$T/ref.nii" "$T/a b.nii"
refuses 64 'a name that cannot be an id' nii2lat --grid-only "$T/a b.nii"
refuses 66 'a model that is not there' nii2lat -m "$T/none" "$T/ref.nii"

# ---- what is said, and what is refused ----
"$make_nii" "$T/o.nii" type=float32 odd=5 qform=0 sform=0
nii2lat --grid-only "$T/o.nii" 2>&1 > "$T/o.lat" | sort > "$T/err"
like 'NaN and infinity are said' "$(cat "$T/err")" 'o.nii: 5 voxels are not finite and count as 0'
like 'a missing form is said' "$(cat "$T/err")" 'o.nii: neither sform nor qform'
like 'a scan elsewhere is said' "$(cat "$T/err")" 'o.nii: does not look registered to MNI space .pipelines/prepare.mk'
nii2lat -q --grid-only "$T/o.nii" 2> "$T/err" > "$T/o.lat"
is '-q is quiet' "$(cat "$T/err")" ''
"$make_nii" "$T/o.nii" shift=45
like 'a shifted brain is said' "$(nii2lat --grid-only "$T/o.nii" 2>&1 > "$T/o.lat")" 'registered to MNI space'
"$make_nii" "$T/o.nii" scale=1.25
like 'a large head is said' "$(nii2lat --grid-only "$T/o.nii" 2>&1 > "$T/o.lat")" 'a whole head'
"$make_nii" "$T/four.nii" frames=2 mm=6
gzip -c "$T/ref.nii" > "$T/whole.nii.gz"
head -c 100000 "$T/ref.nii" > "$T/cut.nii"
head -c 100000 "$T/whole.nii.gz" > "$T/cut.nii.gz"
head -c 352 "$T/ref.nii" > "$T/lone.nii"
head -c 300 "$T/ref.nii" > "$T/short.nii"
cp "$T/pair.hdr.gz" "$T/alone.hdr.gz"
: > "$T/empty.nii.gz"
# a header that promises 20000 x 10000 x 4 voxels behind a few compressed bytes
python3 - "$T/ref.nii" "$T/bomb.nii.gz" << 'E2'
import gzip, struct, sys
b = bytearray(open(sys.argv[1], 'rb').read()[:352])
struct.pack_into('<8h', b, 40, 3, 20000, 10000, 4, 1, 1, 1, 1)
open(sys.argv[2], 'wb').write(gzip.compress(bytes(b) + bytes(10 ** 6)))
E2
while read -r status file why; do
	refuses "$status" "$file is refused" nii2lat --grid-only -o "$T/no.lat" "$T/$file"
	like "$file: why" "$(cat "$T/err")" "^nii2lat: $T/[a-z.]*: .*$why"
	if [ -e "$T/no.lat" ]; then not_ok "$file: no output" 'there is one'; else ok "$file: no output"; fi
done << 'E2'
65 four.nii several frames
65 cut.nii more than the file can hold
65 cut.nii.gz (cut short|more than the file can hold)
65 lone.nii more than the file can hold
65 short.nii cut short
66 alone.hdr.gz No such file
65 empty.nii.gz empty
65 bomb.nii.gz more than the file can hold
65 ref.lat not a NIfTI file
E2
nii2lat --grid-only --keep-going "$T/cut.nii" "$T/ref.nii" "$T/four.nii" > "$T/o.lat" 2> "$T/err"
is '--keep-going: status' $? 65
is '--keep-going: the good one is there' "$(lat-info "$T/o.lat" | cut -f1 | tail -n +2)" ref
is '--keep-going: the bad ones are named' "$(grep -v "$unlike" "$T/err" | wc -l)" 2
refuses 65 'a record without a scan has no native grid' lat2nii --grid-only --native -o "$T/no.nii" formats/samples/one.lat

# ---- scores and pictures ----
lat2nii --grid-only --unit -f -o "$T/a.nii" "$T/ref.lat"
lat2nii --grid-only --unit -f -o "$T/b.nii" "$T/u8.lat"
expect_exit 0 'scores above the thresholds' nii-score --min-ssim .9 --min-ms-ssim .9 --min-psnr 20 --max-mse .01 "$T/a.nii" "$T/b.nii"
is 'columns' "$(head -n 1 "$T/out")" $'ref\timg\tssim\tms_ssim\tmse\tpsnr'
for o in '--min-ssim 1.1' '--min-ms-ssim 1.1' '--min-psnr 200' '--max-mse 1e-12'; do
	# shellcheck disable=SC2086
	expect_exit 1 "scores: $o fails" nii-score $o "$T/a.nii" "$T/b.nii"
	is "scores: $o: still said" "$(wc -l < "$T/out")" 2
done
is 'a scan against itself' "$(nii-score --mask brain "$T/a.nii" "$T/a.nii" | tail -n 1 | cut -f3-)" $'1\t1\t0\tinf'
is 'JSON' "$(nii-score --json --mask "$T/a.nii" "$T/a.nii" "$T/b.nii" "$T/a.nii" | python3 -c '
import json, sys
r = json.load(sys.stdin)
print(len(r), sorted(r[0]) == sorted(["ref", "img", "ssim", "ms_ssim", "mse", "psnr"]), .9 < r[0]["ssim"] < 1, r[1]["ssim"], r[1]["psnr"])')" '2 True True 1.0 None'
printf '%s\t%s\n' "$T/a.nii" "$T/b.nii" "$T/b.nii" "$T/a.nii" > "$T/list.tsv"
is 'a list of pairs' "$(nii-score --list "$T/list.tsv" | wc -l)" 3
printf '\357\273\277%s\t%s\r\n' "$T/a.nii" "$T/b.nii" > "$T/list.tsv"
is 'a list with a byte order mark and CRLF' "$(nii-score --list "$T/list.tsv" | sed 1d | cut -f 1,2)" "$T/a.nii	$T/b.nii"
latin=$T/M$'\374'ller.nii
cp "$T/b.nii" "$latin"
is 'JSON: no row is lost for a name that is no UTF-8' "$(nii-score --json "$T/a.nii" "$T/b.nii" "$latin" | python3 -c '
import json, sys
r = json.load(sys.stdin)
print(len(r), r[1]["img"].endswith("/M\xfcller.nii"), r[0]["mse"] == r[1]["mse"])')" '2 True True'
is 'JSON: of a mask, too' "$(nii-mask --json --measure "$latin" | python3 -c 'import json, sys; print(json.load(sys.stdin)["file"][-11:])')" $'/M\xc3\xbcller.nii'
rm "$latin"
refuses 65 'a list with another line' nii-score --list tests/lib.sh --json
refuses 65 'scans of two sizes' nii-score --json "$T/a.nii" "$T/ref.nii"
refuses 64 'one scan alone' nii-score "$T/a.nii"
nii2png -o "$T/p.png" "$T/a.nii" "$T/ref.nii" --overlay "$T/u8.nii"
is 'a picture' "$(head -c 8 "$T/p.png" | od -An -tx1)" ' 89 50 4e 47 0d 0a 1a 0a'
nii2png -j2 "$T/a.nii" "$T/ref.nii" --overlay "$T/u8.nii" > "$T/q.png"
holds 'the same picture on stdout' cmp "$T/p.png" "$T/q.png"
refuses 73 'a picture that exists' nii2png -o "$T/p.png" "$T/a.nii"
refuses 64 'planes that are none' nii2png -p ax -o "$T/q2.png" "$T/a.nii"

# ---- files that break careless readers ----
if need_shared data/awkward 'awkward files'; then
	while IFS=$'\t' read -r file status why; do
		f=$SHARED/data/awkward/$file
		if [ ! -e "$f" ]; then
			not_ok "$file is there"
			continue
		fi
		if [ "$status" -ne 0 ]; then
			refuses "$status" "$file is refused" nii2lat --grid-only -q -o "$T/no.lat" "$f"
			case $(cat "$T/err") in *"$why"*) ok "$file: why" ;; *) not_ok "$file: why" "$(cat "$T/err")" ;; esac
			continue
		fi
		case $file in *.hdr*) out=$T/a-$file ;; *) out=$T/a-${file%.gz} ;; esac
		expect_exit 0 "$file is taken" nii2lat --grid-only -q -o "$T/o.lat" -f "$f"
		expect_exit 0 "$file comes back" lat2nii --grid-only --native -f -o "$out" "$T/o.lat"
		echo "$f $out" >> "$T/back.list"
	done < tests/awkward.tsv
	is 'those taken come back with their own headers' "$(python3 "$T/header.py" < "$T/back.list" | sort | uniq -c | tr -s ' ')" \
		" $(awk -F '\t' '$2 == 0' tests/awkward.tsv | wc -l) same (16, 32) (1.0, 0.0)"
	is 'every awkward file is in the table' "$(cd "$SHARED/data/awkward" && ls | grep -vE '\.img(\.gz)?$')" "$(cut -f1 tests/awkward.tsv)"
	nii2lat --grid-only -q --id head "$SHARED/data/awkward/niivue_space_RAS.nii.gz" > "$T/ras.lat"
	for o in LAS LPS PSR; do
		nii2lat --grid-only -q --id head "$SHARED/data/awkward/niivue_space_$o.nii.gz" > "$T/o.lat"
		holds "niivue_space_$o is niivue_space_RAS" lat-diff -t 1e-5 "$T/ras.lat" "$T/o.lat"
	done
fi
if need_shared data/malformed 'malformed files'; then
	for f in "$SHARED"/data/malformed/*; do
		refuses 65 "$(basename "$f") is refused" nii2lat --grid-only -o "$T/no.lat" "$f"
		[ "$asan" -eq 0 ] && [ -x /usr/bin/time ] || continue
		/usr/bin/time -f '%M %e' -o "$T/time" nii2lat --grid-only -o "$T/no.lat" "$f" 2> /dev/null
		read -r kb seconds < <(tail -n 1 "$T/time")
		is "$(basename "$f"): under 100 MB and 1 s" "$(awk -v k="$kb" -v s="$seconds" 'BEGIN { print k < 1e5 && s < 1 }')" 1
	done
fi
finish
