# The first step of pipelines that work on codes: $(CODES) computes the codes of all scans,
#
#   scan -- ENCODE -- x, z -- SEM -- y -- INVERT -- zT -- sub-X..._desc-codes_T1w.lat
#
# and `with_codes`, in UNITS, replaces the scans by their codes. Scans that fail here stay in failed.tsv and are not passed to the next
# step.
STEPS  ?= 100
ENCODE  = nii2lat -m "$$MODEL" --id "$$id" $${months:+--months "$$months"} "$$path"
SEM     = sem-encode -m "$$MODEL"
INVERT  = lat-denoise -m "$$MODEL" --invert -s "$$STEPS"
SAMPLE  = lat-denoise -m "$$MODEL" -s "$$STEPS"
OPTIONS += STEPS

define CODES_PIPE
stage ENCODE | stage SEM | stage INVERT > "$$output"
endef

# What a scan's way to its codes takes; the ways back are PLAN_BACK, of the same record
define CODES_PLAN
nii2lat -q -m "$$MODEL" "$$path" | sem-encode -m "$$MODEL" > "$$work/plan.lat"
nii2lat -m "$$MODEL" --plan "$$path"
sem-encode -m "$$MODEL" --plan "$$work/plan.lat"
lat-denoise -m "$$MODEL" --plan --invert "$$work/plan.lat"
endef
define PLAN_BACK
lat-denoise -m "$$MODEL" --plan "$$path"
lat2nii -m "$$MODEL" --plan "$$path"
endef

export ENCODE SEM INVERT CODES_PIPE CODES_PLAN
OPTIONS += STEPS
KNOWN  += ENCODE SEM INVERT
BEFORE := codes
CODES   = +@NAME=codes EXT=.lat STAGES='ENCODE SEM INVERT' OPTIONS=STEPS PIPE="$$CODES_PIPE" PLAN="$$CODES_PLAN" UNITS=cat BEFORE= \
	bash "$${HERE}subjects.sh" $(SUBJECTS_MODE) || [ $$? -eq 2 ]
