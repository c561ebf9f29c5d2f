# Scans as they would be with more or less of what a probe tells:
#
#   scan -- codes.mk -- y, zT --.-- lat-steer --by K1 -- SAMPLE -- z -- DECODE -- sub-X..._desc-manipulate_byK1_T1w.nii.gz
#                               |-- lat-steer --by K2 -- ...
#                               `-- ...                      a picture of the series: sub-X..._desc-manipulate_T1w.png
#
#   make -f pipelines/manipulate.mk BIDS=study OUT=folder PROBE=age.safetensors [BY='-2 -1 0 1 2'] [STEPS=100] [SUBJECTS='01 02'] ...
#
# PROBE: a file of linprobe(1) or probe.mk. BY: how far along it, in the usual lengths of a code; positive is towards higher values or the
# named class. In the names -1.5 is written minus1p5. The series is on the model's grid, in each scan's own units.
NAME   := manipulate
EXT    := .png
BY     ?= -2 -1 0 1 2
DECODE  = lat2nii -m "$$MODEL"
STAGES := SAMPLE DECODE
OPTIONS := BY
WORDS  := PROBE
PLAN    = $(PLAN_BACK)

define UNITS
with_codes | awk -F '\t' -v OFS='\t' '{ print $$0, NR == 1 ? "probe_path" : ENVIRON["PROBE"] }'
endef

define PIPE
series=()
for by in $$BY; do
	label=by$${by//./p}
	label=$${label//-/minus}
	step steer lat-steer --probe "$$probe_path" --by "$$by" "$$path" | stage SAMPLE | stage DECODE > "$$work/$$label.nii"
	series+=("$$label.nii")
done
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
	[ -f "$$PROBE" ] || die "$$PROBE: no such probe"
	[[ $$PROBE != *[[:cntrl:]]* ]] || die "PROBE: has a tab, a line's end or another control character in it"
	[[ $$BY =~ ^(' '*[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)' '*)+$$ ]] || die "BY=$$BY: no numbers"
	$(CODES)
	$(EACH)
HERE := $(subst manipulate.mk,,$(MAKEFILE_LIST))
include $(subst $() ,\ ,$(HERE))codes.mk
include $(subst $() ,\ ,$(HERE))subjects.mk
