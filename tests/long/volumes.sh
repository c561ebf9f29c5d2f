# Volumes of a scan that is not segmented, by labels carried from another scan of the same brain: a simulated visit whose volumes are known.
. tests/lib.sh
need_shared data/ixi/dseg 'volumes of a real brain' || { finish; exit; }
scan=$SHARED/data/ixi/bids/sub-ixi012/anat/sub-ixi012_T1w.nii.gz labels=$SHARED/data/ixi/dseg/sub-ixi012_dseg.nii.gz
regions=pipelines/simulate/dlmuse.tsv
nii-simulate -q --labels "$labels" --regions $regions --change hippocampus=-10,tissue=-3 --fill ventricles=.13 --noise .02 --bias .03 --gain .03 --jitter 1 \
	--seed 3 -o "$T/later.nii" --volumes "$T/truth.tsv" "$scan"
mkdir "$T/work"
expect_exit 0 'carried' bash pipelines/volumes/carry "$scan" "$labels" $regions "$T/later.nii" "$T/work"
sed 's/^/# /' "$T/out"
for region in hippocampus=.03 ventricles=.08 tissue=.03; do
	holds "${region%=*}: within ${region#*=} of the truth" awk -F '\t' -v r="${region%=*}" -v by="${region#*=}" '
		FNR == NR { if ($1 == r) truth = $4; next } $1 == r { e = $2 / truth - 1 } END { exit !(e * e < by * by && truth > 0) }' "$T/truth.tsv" "$T/out"
done
finish
