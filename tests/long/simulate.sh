# nii-simulate and make simulate on real brains with label maps: volumes wanted and made over 40 subjects, nothing folded, a visit at which
# nothing has changed, noise, the same bytes with any number of threads.
. tests/lib.sh
need_shared data/ixi/dseg 'a cohort of real brains' || { finish; exit; }
bids=$SHARED/data/ixi/bids dseg=$SHARED/data/ixi/dseg
subjects=$(ls "$bids" | sed -n 's/^sub-//p' | awk 'NR % 3 == 1 && n++ < 40' | tr '\n' ' ')
simulate() { make -s -f pipelines/simulate.mk BIDS="$bids" DSEG="$dseg" "$@" 2> "$T/said"; } # VARIABLE...
plain=(TOWARDS=0 NOISE=0 BIAS=0 GAIN=0 JITTER=0)

expect_exit 0 '40 subjects, two visits' simulate OUT="$T/cohort" SUBJECTS="$subjects" VISITS='0 36' JOBS=2 THREADS=1 "${plain[@]}"
is 'all are there' "$(wc -l < "$T/cohort/logs/simulate-outputs.txt")" 80
# of changes of at least .05 %: how many, the largest error as a share of the change, and the mean change, by region
awk -F '\t' 'NR > 1 && $3 == 36 && $6 != "n/a" && $5 > 0 {
	change = $6 - $5
	if (change * change < (5e-4 * $5) ^ 2) next
	error = ($7 - $6) / change; error = error < 0 ? -error : error
	n[$4]++; sum[$4] += 100 * change / $5; if (error > worst[$4]) worst[$4] = error
} END { for (r in n) print r, n[r], worst[r], sum[r] / n[r] }' "$T/cohort/volumes.tsv" | sort > "$T/errors"
sed 's/^/# region, subjects, largest error over change, mean change in percent: /' "$T/errors"
holds 'wanted and made within 3 % of the change at 36 months' awk '
	{ regions++; bad += $3 > .03; few += $1 != "tissue" && $2 < 36 || $2 < 30 } END { exit bad || few || regions != 3 }' "$T/errors"
holds 'all Jacobians above 0' awk -F '\t' 'NR > 1 && $8 != "n/a" { n++; bad += !($8 > 0) } END { exit bad || n < 400 }' "$T/cohort/volumes.tsv"
awk -F '\t' 'NR > 1 && $4 == "all" { print $8, $9 }' "$T/cohort/volumes.tsv" |
	awk 'NR == 1 || $1 < least { least = $1 } $2 > most { most = $2 } END { print "# least and most Jacobian determinant: " least, most }'
# the label maps that are written, counted: rounding to voxels is no bias
python3 - "$T/cohort" > "$T/counted" << 'E2'
import array, csv, glob, gzip, struct, sys
def count(path, labels):
    b = gzip.open(path).read()
    d = struct.unpack_from("<8h", b, 40)
    v = array.array("B", b[int(struct.unpack_from("<f", b, 108)[0]):][:d[1] * d[2] * d[3]])
    return sum(v.count(l) for l in labels) * .008
told = {(r["participant_id"], r["session_id"], r["region"]): float(r["after_ml"]) for r in csv.DictReader(open(sys.argv[1] + "/volumes.tsv"), delimiter="\t")}
for region, labels in ("hippocampus", (47, 48)), ("ventricles", (51, 52)):
    sums = {}
    for path in glob.glob(sys.argv[1] + "/sub-*/ses-*/anat/*_dseg.nii.gz"):
        who, session = path.split("/")[-1].split("_")[:2]
        s = sums.setdefault(session, [0, 0])
        s[0] += count(path, labels)
        s[1] += told[who, session, region]
    print(region, 100 * (sums["ses-M036"][0] / sums["ses-M000"][0] - 1), 100 * (sums["ses-M036"][1] / sums["ses-M000"][1] - 1))
E2
sed 's/^/# change of the sum over subjects, percent, counted in label maps and told: /' "$T/counted"
holds 'label maps say the same' awk '{ d = $2 / $3 - 1; bad += d * d > .05 ^ 2 } END { exit bad || NR != 2 }' "$T/counted"

# the first visit: the scan itself; with noise, as far from it as the noise
read -r one two _ <<< "$subjects"
first() { echo "$1/sub-$2/ses-M000/anat/sub-$2_ses-M000_desc-simulate_T1w.nii.gz"; } # FOLDER SUBJECT
scan=$bids/sub-$one/anat/sub-${one}_T1w.nii.gz
holds 'a visit with no change is the scan' nii-score --max-mse 0 "$scan" "$(first "$T/cohort" "$one")"
nii-simulate --noise .02 --seed 5 -o "$T/noisy.nii" "$scan"
bright=$(python3 - "$scan" "$T/noisy.nii" << 'E2'
import array, gzip, struct, sys
def load(path, kind):
    b = (gzip.open if path.endswith("gz") else open)(path, "rb").read()
    d = struct.unpack_from("<8h", b, 40)
    size = array.array(kind).itemsize
    return array.array(kind, b[int(struct.unpack_from("<f", b, 108)[0]):][:size * d[1] * d[2] * d[3]])
a, b = load(sys.argv[1], "h"), load(sys.argv[2], "f")
inside = sorted(x for x in a if x)
bright = inside[int(.999 * (len(inside) - 1))]
d = [(y - x) / bright for x, y in zip(a, b) if x > .3 * bright]
print("%.4f %d" % ((sum(x * x for x in d) / len(d)) ** .5, sum(1 for x, y in zip(a, b) if x == 0 and y)))
E2
)
like 'noise: as much as was asked for, none where there is no brain' "$bright" '^0\.0(19|20)[0-9]* 0$'

# any number of threads
for threads in 1 2; do
	expect_exit 0 "with $threads threads" simulate OUT="$T/by$threads" SUBJECTS="$one $two" VISITS='0 12' JOBS=1 THREADS=$threads TOWARDS=.3
done
sums() { (cd "$1" && find . -name '*_desc-simulate_*.nii.gz' -o -name '*.tsv' ! -path './logs/*' | sort | xargs sha256sum); }
is 'the same bytes' "$(sums "$T/by1")" "$(sums "$T/by2")"
holds 'moved: not the scan any more' awk -F '\t' -v id="sub-$one" '$1 == id && $4 == "hippocampus" && $3 == 0 { was = $5 } END { exit !(was > 0) }' "$T/by1/volumes.tsv"
expect_exit 0 'again' simulate OUT="$T/by1" SUBJECTS="$one $two" VISITS='0 12' JOBS=1 THREADS=1 TOWARDS=.3
like 'nothing is made twice' "$(tail -n 1 "$T/said")" 'simulate: 0 made, 4 as they were, 0 failed'

# one region of one scan, and one of another numbering
expect_exit 0 'one region grows' nii-simulate --labels "$dseg/sub-${one}_dseg.nii.gz" --change 59+60=8 --rest 0 -o "$T/thalamus.nii" --volumes "$T/thalamus.tsv" "$scan"
holds 'by as much' awk -F '\t' 'NR == 2 { error = ($4 - $3) / ($3 - $2) } END { exit error * error > 1e-4 }' "$T/thalamus.tsv"
if need_shared data/oasis1_NC/mni 'Neuromorphometrics labels by hand'; then
	brain=$SHARED/data/oasis1_NC/mni/sub-1000_space-MNI152NLin2009c
	expect_exit 0 'labels by hand' nii-simulate --labels "${brain}_dseg.nii.gz" --regions pipelines/simulate/dlmuse.tsv --change hippocampus=-13.34,tissue=-5.59 \
		--fill ventricles=.13 --rest 0+fluid -o "$T/oasis.nii" --volumes "$T/oasis.tsv" "${brain}_T1w.nii.gz"
	sed 's/^/# /' "$T/oasis.tsv"
	holds 'labels by hand: within 3 %' awk -F '\t' 'NR > 1 && $3 != "n/a" { n++; e = ($4 - $3) / ($3 - $2); bad += e * e > .03 ^ 2 } END { exit bad || n != 3 }' "$T/oasis.tsv"
fi
finish
