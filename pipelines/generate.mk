# Synthetic brains:
#
#   SAMPLE: noise -- lat-denoise --generate -- z -- DECODE -- sub-gen0001_desc-generate_T1w.nii.gz
#
#   make -f pipelines/generate.mk OUT=folder COUNT=10 [SEED=0] [STEPS=100] ...
#
# The first brain is drawn from SEED, the next from SEED + 1, and so on, so that a larger COUNT keeps the brains that exist. They are on the
# model's grid, in its units.
NAME   := generate
SCANS  := no
COUNT  ?= 10
SEED   ?= 0
STEPS  ?= 100
SAMPLE  = lat-denoise -m "$$MODEL" --generate 1 --noise "$$seed" -s "$$STEPS"
DECODE  = lat2nii -m "$$MODEL" --unit
STAGES := SAMPLE DECODE
OPTIONS := STEPS
WORDS  := COUNT SEED

define UNITS
[[ "$$COUNT $$SEED" =~ ^[0-9]+' '[0-9]+$$ ]] || die "COUNT=$$COUNT SEED=$$SEED: no numbers"
awk -v OFS='\t' -v count="$$COUNT" -v seed="$$SEED" 'BEGIN {
	print "id", "participant_id", "session_id", "months", "path", "reason", "seed"
	for (i = 0; i < count; i++) { id = sprintf("sub-gen%04d", i + 1); print id, id, "n/a", "n/a", "n/a", "n/a", seed + i } }'
endef

define PIPE
stage SAMPLE | stage DECODE | gzip -n -6 > "$$output"
endef

define PLAN
lat-denoise -m "$$MODEL" --generate 1 --plan
endef

generate: ; $(EACH)
HERE := $(subst generate.mk,,$(MAKEFILE_LIST))
include $(subst $() ,\ ,$(HERE))subjects.mk
