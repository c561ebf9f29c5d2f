# How good a model is, on scans it has not learned from:
#
#   scans -- nii2lat --.-- x ------------------------------.
#                      |-- z -- lat2nii -- reconstruction --+-- nii-score -- RESULTS.md
#                      '-- x -- lat-baseline -- (the same) -'
#
#   make -f pipelines/evaluate.mk DATA='NAME=FOLDER ...' [TEST='NAME=FOLDER ...'] OUT=folder [MODEL=brain3mm] [VALIDATION=subjects.txt]
#
# DATA: the studies of the training, as for train.mk; those of its subjects that VALIDATION lists are judged, the baselines learn from
# the others. TEST: further studies, judged whole.
HERE       := $(dir $(lastword $(MAKEFILE_LIST)))
VALIDATION ?= $(HERE)brain3mm-validation.txt
MODEL      ?= brain3mm
OUT        ?= work/evaluate
SHELL      := /bin/bash
.SHELLFLAGS := -e -o pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.SECONDARY:
include $(HERE)scans.mk

studies  = $(foreach s,$(TEST),$(firstword $(subst =, ,$s)))
methods := autoencoder blocks mean nearest pca
sets     = validation $(studies)

$(OUT)/RESULTS.md: $(foreach s,$(sets),$(methods:%=$(OUT)/$s/%.tsv))
	@{
		echo '| scans | method | SSIM in the brain (window 11) | SSIM whole (window 3) | MSE |'
		echo '|---|---|---|---|---|'
		for set in $(sets); do
			for method in $(methods); do cat $(OUT)/$$set/$$method.tsv; done
		done
	} > $@
	cat $@

$(OUT)/scans.lat:
	@test -n "$(DATA)" || { echo "evaluate.mk: DATA='NAME=FOLDER ...' names the scans of the training" >&2; exit 2; }
	mkdir -p $(OUT)
	$(call stream,$(DATA),-m $(MODEL)) > $@

$(OUT)/validation.txt: $(OUT)/scans.lat $(VALIDATION)
	@lat-info $< | cut -f 1 | sed 1d | sort -u | grep -F -f <(sed 's/^/sub-/; s/sub-sub-/sub-/; s/$$/_/' $(VALIDATION)) > $@

$(OUT)/train.lat: $(OUT)/validation.txt
	@lat-info $(OUT)/scans.lat | cut -f 1 | sed 1d | sort -u | grep -v -x -F -f $< > $(OUT)/train.txt
	lat-cut --ids $(OUT)/train.txt -n x $(OUT)/scans.lat > $@

$(OUT)/validation.lat: $(OUT)/validation.txt
	@lat-cut --ids $< $(OUT)/scans.lat > $@

$(studies:%=$(OUT)/%.lat): $(OUT)/%.lat:
	@mkdir -p $(OUT)
	$(call stream,$(filter $*=%,$(TEST)),-m $(MODEL)) > $@

# The scans themselves
$(OUT)/%/truth.txt: $(OUT)/%.lat
	@mkdir -p $(@D)/truth
	lat2nii --grid-only --unit -f -o '$(@D)/truth/{id}.nii' $<
	ls $(@D)/truth/*.nii > $@

# What a method makes of a set, as one row of the table
define row
	mkdir -p $(@D)/$(1)
	$(2) -f -o '$(@D)/$(1)/{id}.nii'
	while read -r scan; do printf '%s\t%s\n' "$$scan" "$(@D)/$(1)/$${scan##*/}"; done < $(@D)/truth.txt > $(@D)/$(1).list
	nii-score --mask brain --list $(@D)/$(1).list > $(@D)/$(1)-brain.tsv
	nii-score --window 3 --list $(@D)/$(1).list > $(@D)/$(1)-whole.tsv
	paste $(@D)/$(1)-brain.tsv $(@D)/$(1)-whole.tsv | awk -F '\t' 'NR > 1 { brain += $$3; whole += $$9; mse += $$11; n++ }
		END { printf "| $(*) (%d) | $(3) | %.3f | %.3f | %.5f |\n", n, brain / n, whole / n, mse / n }' > $@
endef

channels = $$(lat-info $(@D).lat | awk -F '\t' '$$3 == "z" { split($$5, n, "x"); k = n[1] } END { print k }')
baseline = lat-baseline --train $(OUT)/train.lat --method

$(OUT)/%/autoencoder.tsv: $(OUT)/%.lat $(OUT)/%/truth.txt
	@$(call row,autoencoder,lat2nii -m $(MODEL) --unit $(@D).lat,autoencoder)
$(OUT)/%/blocks.tsv: $(OUT)/%.lat $(OUT)/%/truth.txt $(OUT)/train.lat
	@k=$(channels)
	$(call row,blocks,$(baseline) blocks -k $$k $(@D).lat | lat2nii --grid-only --unit,principal components of 4x4x4 blocks$(comma) as many numbers)
$(OUT)/%/mean.tsv: $(OUT)/%.lat $(OUT)/%/truth.txt $(OUT)/train.lat
	@$(call row,mean,$(baseline) mean $(@D).lat | lat2nii --grid-only --unit,mean of the training scans)
$(OUT)/%/nearest.tsv: $(OUT)/%.lat $(OUT)/%/truth.txt $(OUT)/train.lat
	@$(call row,nearest,$(baseline) nearest $(@D).lat | lat2nii --grid-only --unit,nearest training scan)
$(OUT)/%/pca.tsv: $(OUT)/%.lat $(OUT)/%/truth.txt $(OUT)/train.lat
	@$(call row,pca,$(baseline) pca -k 35 $(@D).lat | lat2nii --grid-only --unit,35 principal components of whole scans)

comma := ,
