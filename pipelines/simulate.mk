# Simulates a longitudinal cohort with known volumes, from brains with label maps:
#
#   scans -- bids-cohort -- visits: group, rates, month   .--> sub-X_ses-M012_desc-simulate_T1w.nii.gz, its label map, its volumes
#                              |                          |
#   brain, label map -- SHAPE -+----- CHANGE (nii-simulate)    participants.tsv, sub-X_sessions.tsv, volumes.tsv
#             towards another brain's
#
#   make -f pipelines/simulate.mk BIDS=study DSEG=folder OUT=folder [VISITS='0 6 12 18 24 36'] [SEED=0] [TOWARDS=.3] [NOISE=.02] ...
#
# Each scan of BIDS becomes a subject. Its first visit is that scan, deformed by a share TOWARDS (0 to 1; 0: not at all) of the way to the
# shape of another subject's brain; in its later visits (VISITS, months) regions of that brain have shrunk. Scans must be skull-stripped, as
# prepare makes them; DSEG (by default BIDS itself) holds their label maps, sub-X[_ses-Y]..._dseg.nii.gz, on the same grids.
# REGIONS: a table that names sets of labels; the default has the numbers of DLMUSE and Neuromorphometrics, simulate/aseg.tsv FreeSurfer's.
# RATES: a table of groups, with the rates at which their regions change per year (mean and sd among subjects), and when subjects of one
# group become those of another; for the default, simulate/groups.tsv, man latpipe-pipelines names the sources of the rates. FILL: the share
# of the lost volume that the ventricles take up; REST: the region that takes up the remainder. Effects of the scanner on each visit: NOISE
# (sd of Rician noise, relative to the brightness), BIAS (sd of the log of a smooth field), GAIN (sd of the log of a factor), JITTER (mm, a
# rigid movement); 0: none. All random numbers depend on SEED and the subject's name.
# volumes.tsv: ml of each region before and after, the volume that was asked for, and the smallest and largest Jacobian determinant. Scores:
# change of each region in percent, asked for and made. The first step, SHAPE, takes a minute of one core per brain, with elastix; a visit
# takes some seconds.
NAME    := simulate
DSEG    ?= $(BIDS)
VISITS  ?= 0 6 12 18 24 36
SEED    ?= 0
TOWARDS ?= .3
NOISE   ?= .02
BIAS    ?= .03
GAIN    ?= .03
JITTER  ?= 1
FILL    ?= ventricles=.13
REST    ?=
REGIONS ?= $(HERE)simulate/dlmuse.tsv
RATES   ?= $(HERE)simulate/groups.tsv
SHAPE    = bash "$${HERE}simulate/shape" "$$path" "$$other_path" "$$work"
CHANGE   = nii-simulate --labels "$$labels_path" --regions "$$regions_path" --change "$$change" $${FILL:+--fill "$$FILL"} $${REST:+--rest "$$REST"} \
	$${warp_path:+--warp "$$warp_path" --share "$$TOWARDS"} --noise "$$NOISE" --bias "$$BIAS" --gain "$$GAIN" --jitter "$$JITTER" --seed "$$seed" \
	-o "$$work/T1w.nii.gz" --to-labels "$$work/dseg.nii.gz" --volumes "$$work/volumes.tsv" "$$path"
STAGES  := CHANGE
OPTIONS := TOWARDS NOISE BIAS GAIN JITTER FILL REST
WORDS   := DSEG VISITS SEED REGIONS RATES
KNOWN   := SHAPE
# the step that finds shapes, unless they stay as they are
MOVED   := $(if $(filter-out 0,$(TOWARDS)),yes,no)
BEFORE  := $(if $(filter yes,$(MOVED)),shapes)

define UNITS
GROUPS_FILE=$$RATES bash "$${HERE}simulate/units" "$$MOVED" > "$$RUN/cohort.tsv"
[ "$$mode" = show ] || cp "$$RUN/cohort.tsv" "$$OUT/logs/simulate-cohort.tsv"
if [ "$$MOVED" = no ]; then cat "$$RUN/cohort.tsv"; else
	# whose shape could not be found has failed there
	while IFS= read -r line; do
		[ ! -e "$${line##*$$'\t'}" ] && [ "$${line##*$$'\t'}" != warp_path ] && [ "$$mode" != show ] || printf '%s\n' "$$line"
	done < "$$RUN/cohort.tsv"
fi
endef

define PIPE
stage CHANGE
while read -r name number; do score "$$name" "$$number"; done < <(awk -F '\t' '
	NR > 1 && $$3 != "n/a" && $$2 > 0 { print $$1 "_wanted", 100 * ($$3 / $$2 - 1); print $$1 "_made", 100 * ($$4 / $$2 - 1) }
	$$1 == "all" { print "least_jacobian", $$5 }' "$$work/volumes.tsv")
extra "$$work/dseg.nii.gz" dseg.nii.gz
extra "$$work/volumes.tsv" volumes.tsv
mv "$$work/T1w.nii.gz" "$$output"
endef

# at 1 mm some 800 MB
define PLAN
echo '{"peak_bytes": 800000000}'
endef

define SHAPES_UNITS
GROUPS_FILE=$$RATES bash "$${HERE}simulate/units" no | awk -F '\t' -v OFS='\t' '
	NR == 1 { for (i = 1; i <= NF; i++) at[$$i] = i }
	$$6 == "n/a" && $$at["other_path"] == "n/a" { $$6 = "there is no other scan to be moved towards (TOWARDS=0 leaves it)" }
	!seen[$$2]++ { print $$1, $$2, $$3, $$4, $$5, $$6, $$at["other_path"] }'
endef
define SHAPES_PIPE
stage SHAPE > "$$output"
endef
export SHAPE SHAPES_UNITS SHAPES_PIPE MOVED
SHAPES = NAME=shapes EXT=.npy STAGES=SHAPE OPTIONS= PIPE="$$SHAPES_PIPE" UNITS="$$SHAPES_UNITS" BEFORE= \
	bash "$${HERE}subjects.sh" $(SUBJECTS_MODE) || [ $$? -eq 2 ]

simulate:
	+@code=0
	[ "$$MOVED" = no ] || { $(SHAPES); }
	$(EACH) || code=$$?
	[ $(SUBJECTS_MODE) != run ] || bash "$${HERE}simulate/tables"
	exit $$code
HERE := $(subst simulate.mk,,$(MAKEFILE_LIST))
include $(subst $() ,\ ,$(HERE))subjects.mk
