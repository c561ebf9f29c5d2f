# Registered brains of five studies get no warning of nii2lat; the same ones with other intensities get one that names the cause.
. tests/lib.sh
export OMP_NUM_THREADS=1
# alter OUT SCAN EXPRESSION: float32; v: a voxel, b: is it brain, i: which
cat > "$T/alter.py" << 'E2'
import array, gzip, struct, sys
out, path, expression = sys.argv[1:]
b = gzip.open(path).read()
assert b[:4] == struct.pack('<i', 348) and struct.unpack_from('<h', b, 70)[0] == 4
at = int(struct.unpack_from('<f', b, 108)[0])
v = array.array('h')
v.frombytes(b[at:])
h = bytearray(b[:352])
struct.pack_into('<2h', h, 70, 16, 32)
struct.pack_into('<3f', h, 108, 352, 1, 0)
f = eval('lambda v, b, i: ' + expression)
open(out, 'wb').write(bytes(h[:348]) + bytes(4) + array.array('f', [f(x, x > 0, i) for i, x in enumerate(v)]).tobytes())
E2
for study in ds002748 ds000011 ds002790_ds000247 oasis1_NC; do
	need_shared "data/$study/mni" "$study" || continue
	ls "$SHARED/data/$study"/mni/*T1w*.nii.gz > "$T/list"
	while read -r scan; do nii2lat --grid-only "$scan" 2>&1 > /dev/null; done < "$T/list" > "$T/err"
	is "$study: $(wc -l < "$T/list") scans, nothing said" "$(cat "$T/err")" ''
done
if need_shared data/ds002748/mni 'other intensities'; then
	for scan in "$SHARED"/data/ds002748/mni/sub-11_* "$SHARED"/data/ds000011/mni/sub-02_* "$SHARED"/data/oasis1_NC/mni/sub-1122_*T1w.nii.gz; do
		while IFS=$'\t' read -r name expression words; do
			python3 "$T/alter.py" "$T/o.nii" "$scan" "$expression"
			nii2lat --grid-only "$T/o.nii" 2>&1 > /dev/null | head -n 1 > "$T/err"
			if [ "$words" = none ]; then is "$name" "$(cat "$T/err")" ''; else like "$name" "$(cat "$T/err")" "$words"; fi
		done << 'E2'
other units	v / 37	none
a spline's ringing	v if b else i % 7 - 3	none
standardised	(v - 500) / 200	its background is about -2.5,
standardised in the brain	(v - 500) / 200 if b else 0	% of the brain is negative: standardised
a negative background	v if b else -1024	its background is about -1.02e\+03,
shifted	v + 50	its background is about 50,
noise	v if b else 25 + i % 11	its background is about 30,
spikes	5000 if b and i % 200 == 0 else v	spikes\? Scaled by its brightest
one spike	1e6 if i == 128 * 160 * 60 + 128 * 80 + 64 else v	spikes\? Some voxels
inverted	max(1100 - v, 1) if b else 0	inverted, or not T1-weighted
an offset	v + 6000 if b else 0	hardly any contrast
a mask	float(b)	hardly any contrast
E2
	done
fi
finish
