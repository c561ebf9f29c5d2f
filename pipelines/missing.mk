# How well a visit that was missed is made from its neighbours, by the length of the gap:
#
#   visits of a subject -- codes.mk -- before, after: z, y, zT -- lat-lerp --month -- SAMPLE -- z -- DECODE -- sub-X_ses-Y_from-A_to-B_desc-missing_T1w.nii.gz
#      beside it: copy-nearest, voxel blend, latent blend                   the visit that was there is the judge -- scores, missing_means.tsv
#
#   make -f pipelines/missing.mk BIDS=study OUT=folder [GAPS='6 12 18 24 36'] [DSEG=folder] [STEPS=100] [SUBJECTS='01 02'] ...
#
# A gap is two visits of a subject, as many months apart as GAPS says (two more or less), with a visit between them: of those between the one
# nearest to the middle, of several gaps of one length the earliest. Methods: model; nearest, the neighbour less far in time as it is;
# voxels and latents, the straight line between the neighbours' voxels or latents; autoencoder, the true visit through the autoencoder:
# what the decoder alone costs. Scores by nii-score(1) against the true visit on the model's grid: ssim and psnr of the whole volume,
# ssim_brain and psnr_brain in the brain. missing.tsv has a row for each gap and method, missing_means.tsv means over subjects with 95 %
# intervals, by gap and by distance (months to the nearer neighbour), also of the paired differences model_less_..: positive where the model
# scores more.
# DSEG: a folder of label maps of the visits, sub-X[_ses-Y]..._dseg.nii.gz, on their scans' grids. With it volumes of the regions of REGIONS (by
# default ventricles and hippocampus by DLMUSE's numbers) are told, as errors in percent: in the model's scan, to which the labels of the visit
# before are carried by registration (elastix); in carried, the true scan measured in the same way, which is the error of measuring; and nearest. Each gap then
# takes two registrations, each of about two minutes of one core at 2 mm.
NAME   := missing
GAPS   ?= 6 12 18 24 36
DSEG   ?=
REGIONS ?= $(HERE)volumes/dlmuse.tsv
DECODE  = lat2nii -m "$$MODEL" --unit
STAGES := SAMPLE DECODE
WORDS  := GAPS DSEG REGIONS
PLAN    = $(PLAN_BACK)

define UNITS
with_codes | bash "$${HERE}missing/units" "$$RUN/scans.tsv"
endef

define PIPE
between=(--month "$$months" "$$path" "$$after_path")
step lerp lat-lerp "$${between[@]}" | stage SAMPLE | stage DECODE | gzip -n -6 > "$$output"
step latents lat-lerp --blend z "$${between[@]}" | stage DECODE > "$$work/latents.nii"
stage DECODE < "$$real_path" > "$$work/autoencoder.nii"
step voxels lat-lerp --blend x "$${between[@]}" | step voxels lat2nii --grid-only --unit > "$$work/voxels.nii"
step judge lat2nii --grid-only --unit -o "$$work/nearest.nii" "$$nearest_path"
step judge lat2nii --grid-only --unit -o "$$work/real.nii" "$$real_path"
made=("$$output" "$$work"/{nearest,voxels,latents,autoencoder}.nii)
step judge nii-score --range 1 "$$work/real.nii" "$${made[@]}" > "$$work/whole"
step judge nii-score --range 1 --mask brain "$$work/real.nii" "$${made[@]}" > "$$work/brain"
score gap "$$gap"
score distance "$$distance"
while read -r name number; do score "$$name" "$$number"; done < <(awk -F '\t' '
	BEGIN { split("model nearest voxels latents autoencoder", of, " ") }
	FNR > 1 { in_brain = FILENAME ~ /brain$$/ ? "_brain" : ""; print "ssim" in_brain "_" of[FNR - 1], $$3; print "psnr" in_brain "_" of[FNR - 1], $$6 }' \
	"$$work/whole" "$$work/brain")
if [ -n "$$labels_path" ]; then
	mkdir "$$work/model" "$$work/carried"
	step carry bash "$${HERE}volumes/carry" "$$source_path" "$$labels_path" "$$regions_path" "$$output" "$$work/model" > "$$work/model.tsv"
	step carry bash "$${HERE}volumes/carry" "$$source_path" "$$labels_path" "$$regions_path" "$$work/real.nii" "$$work/carried" > "$$work/carried.tsv"
	step volumes nii-volumes --regions "$$regions_path" "$$real_labels_path" | cut -f 2- > "$$work/true.tsv"
	step volumes nii-volumes --regions "$$regions_path" "$$nearest_labels_path" | cut -f 2- > "$$work/nearest.tsv"
	while read -r name number; do score "$$name" "$$number"; done < <(cd "$$work" && awk -F '\t' '
		FNR > 1 { by = FILENAME; sub(/[.]tsv$$/, "", by); if (by == "true") ml[$$1] = $$2; print $$1 "_ml_" by, $$2 }
		FNR > 1 && by != "true" && ml[$$1] > 0 { print $$1 "_error_" by, 100 * ($$2 / ml[$$1] - 1) }' true.tsv model.tsv carried.tsv nearest.tsv)
fi
endef

missing:
	+@code=0
	[[ $$GAPS =~ ^(' '*[0-9]+([.][0-9]*)?' '*)+$$ ]] || { echo "missing: GAPS=$$GAPS: no numbers of months" >&2; exit 2; }
	[ -z "$$DSEG" ] || [ -d "$$DSEG" ] || { echo "missing: DSEG=$$DSEG: no folder; it holds label maps, sub-X[_ses-Y]..._dseg.nii.gz" >&2; exit 2; }
	$(CODES)
	$(EACH) || code=$$?
	[ $(SUBJECTS_MODE) != run ] || bash "$${HERE}missing/tables"
	exit $$code
HERE := $(subst missing.mk,,$(MAKEFILE_LIST))
include $(subst $() ,\ ,$(HERE))codes.mk
include $(subst $() ,\ ,$(HERE))subjects.mk
