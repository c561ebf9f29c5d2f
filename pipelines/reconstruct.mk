# Reconstructs scans from their codes, and measures how well that works:
#
#   scan -- ENCODE -- x, z -- SEM -- y -- INVERT -- zT -- SAMPLE -- z -- DECODE -- sub-X..._desc-reconstruct_T1w.nii.gz
#                     `-------------------------------------------------- scores
#
#   make -f pipelines/reconstruct.mk BIDS=study OUT=study/derivatives/reconstruct [STEPS=100] [NATIVE=1] [SUBJECTS='01 02'] ...
#
# STEPS: calls of the diffusion model in each direction. NATIVE=1: results on each scan's own grid instead of the model's. Scores are those
# of nii-score(1) against the scan on the same grid, in the model's range: ssim and mse of the whole volume, ssim_brain within the brain.
# Replace a stage by giving its command: ENCODE= SEM= INVERT= SAMPLE= DECODE= take any command that reads and writes the stream; ENCODE
# reads the scan (its path is "$$path": make needs each $ twice) and DECODE writes NIfTI. SEM=cat INVERT=cat SAMPLE=cat uses the autoencoder
# only.
NAME   := reconstruct
STEPS  ?= 100
ENCODE  = nii2lat -m "$$MODEL" --id "$$id" $${months:+--months "$$months"} "$$path"
SEM     = sem-encode -m "$$MODEL"
INVERT  = lat-denoise -m "$$MODEL" --invert -s "$$STEPS"
SAMPLE  = lat-denoise -m "$$MODEL" -s "$$STEPS"
DECODE  = lat2nii -m "$$MODEL" $${NATIVE:+--native}
STAGES := ENCODE SEM INVERT SAMPLE DECODE
OPTIONS := STEPS NATIVE

define PIPE
stage ENCODE | tee "$$work/scan.lat" | stage SEM | stage INVERT | stage SAMPLE | stage DECODE | gzip -n -6 > "$$output"
scale=$$(lat-info --json "$$work/scan.lat" | sed -n 's/.*"scale":\([-+0-9.e]*\).*/\1/p')
step judge lat2nii --grid-only $${NATIVE:+--native} -o "$$work/scan.nii" "$$work/scan.lat"
step judge nii-score --range "$$scale" "$$work/scan.nii" "$$output" > "$$work/whole"
step judge nii-score --range "$$scale" --mask brain "$$work/scan.nii" "$$output" > "$$work/brain"
while read -r name number; do score "$$name" "$$number"; done < <(
	awk -F '\t' -v scale="$$scale" '
		FNR == 2 && NR == 2 { print "ssim", $$3; print "ms_ssim", $$4; print "mse", $$5 / scale ^ 2; print "psnr", $$6 }
		FNR == 2 && NR > 2 { print "ssim_brain", $$3 }' "$$work/whole" "$$work/brain")
endef

define PLAN
nii2lat -q -m "$$MODEL" "$$path" | sem-encode -m "$$MODEL" > "$$work/plan.lat"
nii2lat -m "$$MODEL" --plan "$$path"
sem-encode -m "$$MODEL" --plan "$$work/plan.lat"
lat-denoise -m "$$MODEL" --plan "$$work/plan.lat"
lat-denoise -m "$$MODEL" --plan --invert "$$work/plan.lat"
lat2nii -m "$$MODEL" --plan "$$work/plan.lat"
endef

reconstruct: ; $(EACH)
HERE := $(subst reconstruct.mk,,$(MAKEFILE_LIST))
include $(subst $() ,\ ,$(HERE))subjects.mk
