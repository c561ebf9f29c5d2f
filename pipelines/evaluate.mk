# Evaluates a model on scans that it was not trained on:
#
#   scans -- nii2lat -- x, z -- sem-encode -- y -- lat-denoise --invert -- zT
#            evaluate/autoencoder.mk  z -> scan, and what lat-baseline makes of x    y: evaluate/alone.mk      y -> scan
#            evaluate/denoiser.mk     noise in z, predicted by the model and by lat-learnable's simplest predictors
#            evaluate/trips.mk        z -> zT -> z -> scan                               evaluate/between.mk    y, zT of two -> one between
#            evaluate/drawn.mk        nothing -> z -> scan                               evaluate/probes.mk     y -> age, sex
#
#   make -f pipelines/evaluate.mk DATA='NAME=FOLDER ...' [TEST='NAME=FOLDER ...'] [LABELS='NAME=participants.tsv ...'] OUT=folder
#        [MODEL=brain3mm] [VALIDATION=subjects.txt]
#
# DATA: the training studies, as for train.mk; the model is evaluated on those of their subjects that VALIDATION lists, and the baselines
# are fitted to the others. TEST: further studies, all of whose scans are used. LABELS: participants.tsv of any of these studies, for probes
# of age and sex. What needs weights that the model lacks is left out, with a message. Every number in OUT/RESULTS.md is computed in the
# run.
HERE       := $(subst evaluate.mk,,$(MAKEFILE_LIST))
VALIDATION ?= $(HERE)brain3mm-validation.txt
MODEL      ?= brain3mm
OUT        ?= work/evaluate
# of principal components of whole scans
COMPONENTS ?= 35
# how many of them as a code, and to predict noise by
NUMBERS    ?= 10 $(COMPONENTS)
# of noise that is drawn
SEED       ?= 1
.DELETE_ON_ERROR:
.SECONDARY:
WORDS      := DATA TEST LABELS MODEL VALIDATION OUT COMPONENTS SEED DRAWS BRAINS AGE SEX FOLDS REPEATS NUMBERS TRIPS TEST_TRIPS WAY BOUNDS
here       := $(subst $() ,\ ,$(HERE))
include $(here)common.mk
include $(here)known.mk
include $(here)scans.mk
include $(here)model.mk
$(call plain,$(filter-out MODEL VALIDATION,$(WORDS)))
$(call one_word,OUT COMPONENTS SEED DRAWS BRAINS AGE SEX FOLDS REPEATS WAY)

studies = $(foreach s,$(TEST),$(firstword $(subst =, ,$s)))
# what is judged
sets    = validation $(studies)
comma   := ,

parts := autoencoder $(if $(denoiser),denoiser trips drawn) $(if $(guided),alone between $(if $(LABELS),probes))

# Pages are written anew each time, from tables that are made once: what is judged, and how, may have changed
$(OUT)/RESULTS.md: $(parts:%=$(OUT)/%.md) always
	@{
		echo "# What the model $${MODEL##*/} can do"
		echo
		echo 'Made by `make evaluate`. Means over scans that the model has not learned from, on its grid, intensities 0 to 1.'
		echo 'SSIM has a Gaussian window of standard deviation 1.5, cut to 11 or 3 voxels; in the brain: where the smoothed scan'
		echo 'exceeds 2 % of the range. In brackets: how many scans.'
		echo
		lat-model -- "$$MODEL" | awk -F '\t' 'NR > 1 { text = text sprintf("%s %s %.12s", text ? "," : "", $$1, $$2) }
			END { print "Weights and their identities:" text "." }'
		$(if $(strip $(missing)),echo 'The model has $(strip $(missing)): what needs it is left out.')
		for part in $(filter %.md,$^); do echo; cat "$$part"; done
	} > $@
	cat $@

# ---- the scans ----

$(OUT)/scans.lat: $(call file_of,autoencoder)
	@test -n "$$DATA" || { echo "evaluate.mk: DATA='NAME=FOLDER ...' names the scans of the training" >&2; exit 2; }
	mkdir -p $(OUT)
	$(call stream,$(DATA),-m "$$MODEL") > $@

$(OUT)/validation.txt: $(OUT)/scans.lat $(subst $() ,\ ,$(VALIDATION))
	@lat-info $< | cut -f 1 | sed 1d | sort -u | grep -F -f <(sed '1s/^\xef\xbb\xbf//; s/\r$$//; /^ *$$/d; s/^/sub-/; s/sub-sub-/sub-/; s/$$/_/' "$$VALIDATION") > $@

$(OUT)/train.lat: $(OUT)/validation.txt
	@lat-info $(OUT)/scans.lat | cut -f 1 | sed 1d | sort -u | grep -v -x -F -f $< > $(OUT)/train.txt
	lat-cut --ids $(OUT)/train.txt $(OUT)/scans.lat > $@

$(OUT)/validation.lat: $(OUT)/validation.txt
	@lat-cut --ids $< $(OUT)/scans.lat > $@

$(studies:%=$(OUT)/%.lat): $(OUT)/%.lat: $(call file_of,autoencoder)
	@mkdir -p $(OUT)
	$(call stream,$(filter $*=%,$(TEST)),-m "$$MODEL") > $@

# The scans themselves
$(OUT)/%/truth.txt: $(OUT)/%.lat
	@mkdir -p $(@D)/truth
	lat2nii --grid-only --unit -f -o '$(@D)/truth/{id}.nii' $<
	ls $(@D)/truth/*.nii > $@

# Latents and, where there is an encoder, codes
$(OUT)/%/codes.lat: $(OUT)/%.lat $(foreach k,semantic shift_unet unet,$(call file_of,$k))
	@mkdir -p $(@D)
	$(if $(guided),sem-encode -m "$$MODEL" $< | lat-cut -n z$(comma)y,lat-cut -n z $<) > $@

include $(here)evaluate/scores.mk
$(foreach p,$(parts),$(eval include $(here)evaluate/$p.mk))

help:
	@sed '/^#/!Q; s/^# \{0,1\}//' "$${HERE}evaluate.mk"

always:
.PHONY: always help
