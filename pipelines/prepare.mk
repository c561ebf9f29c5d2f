# Makes extracted brains in MNI space, as the models need them, from raw T1w scans:
#
#   scan -- EXTRACT -- mask --.                            .--> sub-X..._desc-prepare_T1w.nii.gz
#     `------ BIAS -----------+-- brain -- REGISTER -- xfm-+
#                                                          `--> JUDGE: scores, pictures
#
#   make -f pipelines/prepare.mk BIDS=study OUT=study/derivatives/prepare [EXTRACTED=auto|yes|no] [BIAS=...] [SUBJECTS='01 02'] ...
#   make -f pipelines/reconstruct.mk BIDS=study/derivatives/prepare OUT=study/derivatives/reconstruct
#   make -f pipelines/prepare.mk carry-back SCAN=scan.nii.gz PREPARED=prepared.nii.gz OUT=back.nii.gz [CARRY='sem-encode | ...']
#
# The result has the scan's own voxels, with 0 outside of the brain; only its sform changes, and leads to MNI152NLin2009cAsym. So voxels are
# resampled only once, by nii2lat on the model's grid, and `lat2nii --native` writes a record on the scan's own grid: carry-back only
# restores the scan's header (and measures what was lost on the way). For programs that cannot read an sform with shear, resample the result
# with nii-transform --template MNI.nii.gz.
#
# EXTRACTED: whether the scan has been skull-stripped already. auto: yes, when less than 2.9 litres stand out from the background, which is
# taken from the scan's faces: 0, soft, or the mean. Then all that stands out is the brain. In such a scan, and only there, a background
# that is not 0 is subtracted from all values, with a message.
# A header by which the scan lies on its side, on its head or back to front is detected by comparison with MEAN, the mean of registered
# brains that comes with the model; the scan is set upright, with a message. This cannot tell left from right: nothing is ever mirrored.
# Beside the result: _mask.nii.gz (on the scan's grid), _xfm.txt (4x4, mm along right, front and up: scan to MNI), elastix's own transforms
# (_head-*.txt: Colin27's head to the scan; _brain-*.txt: Colin27's brain to the scan; set upright by _head-turn.txt or _brain-turn.txt if
# there is one), _mask.png (the mask's outline on the scan) and _template.png (Colin27's outline on the result) to look at.
# Scores: litres, the brain's volume; dice and correlation with the Colin27 brain in MNI space; growth, its volume in MNI space divided by
# its own; least_scale and most_scale, by which its axes were stretched; likeness to MEAN (SSIM, see nii-judge(1)); extracted (1: was
# skull-stripped already). A dice below LEAST_DICE, a likeness below LEAST_LIKENESS (0, no limit, by default when LEAST_DICE=0), and litres,
# growth or scales that no brain has are failures, whose pictures are in OUT/logs; unusual scores get a warning.
# Replace a stage by giving its command, in which $$path is the scan and $$work a temporary folder. EXTRACT makes "$$work/mask.nii.gz". BIAS
# makes "$$work/even.nii.gz", the scan after bias field correction (by default there is none: Debian has no light tool for it, such as N4).
# REGISTER makes "$$work/xfm.txt" from "$$work/brain.nii.gz". JUDGE prints "NAME NUMBER" lines, and may draw mask.png and template.png in
# that folder. Needs the Debian packages elastix and mricron-data.
NAME       := prepare
EXTRACTED  ?= auto
LEAST_DICE ?= .8
HEAD       ?= /usr/share/mricron/templates/ch2.nii.gz
BRAIN      ?= /usr/share/mricron/templates/ch2bet.nii.gz
MEAN       ?= $(HERE)../models/brain3mm/mean.nii.gz
LEAST_LIKENESS ?= $(if $(filter 0,$(LEAST_DICE)),0,.68)
EXTRACT     = bash "$${HERE}prepare/extract" "$$EXTRACTED" "$$HEAD" "$$BRAIN" "$$path" "$$work"
BIAS        =
REGISTER    = bash "$${HERE}prepare/register" "$$BRAIN" "$$MEAN" "$$work"
JUDGE       = bash "$${HERE}prepare/judge" "$$BRAIN" "$$LEAST_DICE" "$$MEAN" "$$LEAST_LIKENESS" "$$path" "$$work"
STAGES     := EXTRACT BIAS REGISTER JUDGE
OPTIONS    := EXTRACTED LEAST_DICE LEAST_LIKENESS HEAD BRAIN MEAN
WORDS      := SCAN PREPARED
KNOWN      := CARRY

define PIPE
stage EXTRACT
stage BIAS
scan=$$path
[ ! -e "$$work/even.nii.gz" ] || scan=$$work/even.nii.gz
# a brain that comes as one may have another background than 0
lift=$$(! grep -q -s 'extracted 1' "$$work/extracted" || echo --lift)
step cut nii-mask --apply "$$scan" $$lift -o "$$work/brain.nii.gz" "$$work/mask.nii.gz"
stage REGISTER
step place nii-transform --linear "$$work/xfm.txt" -o "$$work/T1w.nii.gz" "$$work/brain.nii.gz"
stage JUDGE > "$$work/scores"
while read -r name number; do score "$$name" "$$number"; done < "$$work/scores"
for made in "$$work"/{head,brain}-*.txt; do
	[ -e "$$made" ] || continue
	sed -i "s|^(InitialTransformParametersFileName \"\(.*\.txt\)\")|(InitialTransformParametersFileName \"$${stem}_\1\")|" "$$made"
	extra "$$made" "$${made##*/}"
done
for made in mask.nii.gz xfm.txt mask.png template.png; do [ ! -e "$$work/$$made" ] || extra "$$work/$$made" "$$made"; done
mv "$$work/T1w.nii.gz" "$$output"
endef

# elastix on a grid of 1 mm takes 350 to 500 MB for a head of 20 cm
define PLAN
echo '{"peak_bytes": 600000000}'
endef

prepare: ; $(EACH)
HERE := $(subst prepare.mk,,$(MAKEFILE_LIST))
include $(subst $() ,\ ,$(HERE))subjects.mk

# What becomes of a record, in the scan's own space: by CARRY, a pipe from records to records. Said is the correlation with the scan inside its
# brain, and how much of it the model's grid leaves
CARRY = cat
export CARRY
carry-back:
	@for file in "$$SCAN" "$$PREPARED"; do [ -f "$$file" ] || { echo "carry-back: SCAN=, PREPARED=: '$$file' is no file" >&2; exit 2; }; done
	[ -n "$$OUT" ] || { echo 'carry-back: OUT=file.nii.gz says where to' >&2; exit 2; }
	. "$${HERE}locks.sh"
	temporary || { echo "carry-back: $$trouble" >&2; exit 2; }
	trap 'rm -rf "$$scratch"' EXIT
	on_scan() { nii-transform --like "$$SCAN" "$$@"; }
	[[ $$PREPARED != -* ]] || PREPARED=./$$PREPARED
	nii2lat -m "$$MODEL" "$$PREPARED" > "$$scratch/scan.lat"
	eval "$$CARRY" < "$$scratch/scan.lat" | lat2nii -m "$$MODEL" --native | on_scan - > "$$scratch/made.nii"
	lat2nii --grid-only --native "$$scratch/scan.lat" | on_scan - > "$$scratch/grid.nii"
	on_scan -o "$$scratch/brain.nii.gz" "$$PREPARED"
	for what in made grid; do
		nii-mask --apply "$$scratch/$$what.nii" "$$scratch/brain.nii.gz" | nii-mask --measure --reference "$$scratch/brain.nii.gz" - |
			awk -F '\t' -v what=$$what 'NR == 2 { print (what == "made" ? "correlation " : "of_the_grid_alone ") $$4 }'
	done
	on_scan -f -o "$$OUT" "$$scratch/made.nii"

.PHONY: carry-back
