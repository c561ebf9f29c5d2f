# Changes scans along the direction of a probe, and applies the probe to the changed scans:
#
#   scan -- codes.mk -- y, zT --.-- lat-steer --by K1 -- SAMPLE -- z -- DECODE -- sub-X..._desc-manipulate_byK1_T1w.nii.gz -- ENCODE -- SEM -- probe
#                               |-- lat-steer --to V1 -- ...                      sub-X..._desc-manipulate_toV1_T1w.nii.gz
#                               `-- ...                      a picture of the series: sub-X..._desc-manipulate_T1w.png
#
#   make -f pipelines/manipulate.mk BIDS=study OUT=folder PROBE=age.safetensors [TO='40 60 80'] [BY='-1 0 1'] [STEPS=100] [SUBJECTS='01 02'] ...
#
# PROBE: a file of linprobe(1) or probe.mk, or the name of one of the model's probes: age. TO: the values that the probe shall predict,
# in its target's unit (for a class, its probability). BY: steps along the probe, in units of the typical length of a code; positive steps lead towards higher values or the
# positive class. Without either, BY is -1 0 1. In file names -1.5 is written minus1p5. The series is on the model's grid, in each scan's
# own units. Scores are predictions of the probe: `read` for the scan; for each scan of the series `asked_..` for the moved code, and
# `again_..` for the changed scan when it is encoded again.
NAME   := manipulate
EXT    := .png
BY     ?= $(if $(TO),,-1 0 1)
DECODE  = lat2nii -m "$$MODEL"
STAGES := SAMPLE DECODE ENCODE SEM
OPTIONS := BY TO
WORDS  := PROBE
PLAN    = $(PLAN_BACK)

define UNITS
with_codes | awk -F '\t' -v OFS='\t' '{ print $$0, NR == 1 ? "probe_path" : ENVIRON["PROBE"] }'
endef

define PIPE
moved() { # by|to NUMBER
	local label=$$1$${2//./p} asked again
	label=$${label//-/minus}
	step steer lat-steer --probe "$$probe_path" "--$$1" "$$2" "$$path" > "$$work/moved"
	stage SAMPLE < "$$work/moved" | stage DECODE > "$$work/$$label.nii"
	again=$$(path=$$work/$$label.nii; stage ENCODE | stage SEM | reading)
	asked=$$(reading "$$work/moved")
	score "asked_$$label" "$$asked"
	score "again_$$label" "$$again"
	series+=("$$label.nii")
}
reading() { step read linprobe predict --probe "$$probe_path" "$$@" | tail -n 1 | cut -f 4; } # of codes
series=()
read=$$(reading "$$path")
score read "$$read"
for number in $$BY; do moved by "$$number"; done
for number in $$TO; do moved to "$$number"; done
(cd "$$work" && step picture nii2png --no-difference -o "$$output" "$${series[@]}")
for scan in "$${series[@]}"; do
	gzip -n -6 < "$$work/$$scan" > "$$work/packed"
	extra "$$work/packed" "$${scan%.nii}_T1w.nii.gz"
	rm "$$work/$$scan"
done
endef

manipulate:
	+@die() { echo "manipulate: $$1" >&2; exit 2; }
	[ -n "$$PROBE" ] || die 'PROBE=file is the direction to move in (linprobe fit, or probe.mk, makes one)'
	if [ ! -e "$$PROBE" ] && [[ $$PROBE != */* ]]; then
		weights=$$(lat-model -- "$$MODEL" | cut -f 3 | sed -n 2p)
		[ ! -f "$${weights%/*}/$$PROBE.safetensors" ] || PROBE=$${weights%/*}/$$PROBE.safetensors
	fi
	[ -f "$$PROBE" ] || die "$$PROBE: no such probe"
	[[ $$PROBE != *[[:cntrl:]]* ]] || die "PROBE: has a tab, a line's end or another control character in it"
	numbers='^ *([-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)( +|$$))*$$'
	[[ $$BY =~ $$numbers ]] || die "BY=$$BY: no numbers"
	[[ $$TO =~ $$numbers ]] || die "TO=$$TO: no numbers"
	[[ $$BY$$TO == *[0-9]* ]] || die 'BY or TO: how far to move'
	$(CODES)
	$(EACH)
HERE := $(subst manipulate.mk,,$(MAKEFILE_LIST))
include $(subst $() ,\ ,$(HERE))codes.mk
include $(subst $() ,\ ,$(HERE))subjects.mk
