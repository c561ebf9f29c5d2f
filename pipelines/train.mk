# From scans to a model:
#
#   scans -- nii2lat --grid-only --> scans.lat -- train-ae --> autoencoder.safetensors
#
#   make -f pipelines/train.mk DATA='NAME=FOLDER ...' OUT=folder [CONFIG=recipe.json] [VALIDATION=subjects.txt]
#
# Each FOLDER holds registered brains of one study (*_T1w.nii.gz); NAME goes into the subjects' ids (sub-<NAME>x<label>), so that
# subjects of two studies stay apart. An interrupted training goes on where it stopped. The defaults make models/brain3mm.
HERE       := $(dir $(lastword $(MAKEFILE_LIST)))
CONFIG     ?= $(HERE)brain3mm.json
VALIDATION ?= $(HERE)brain3mm-validation.txt
OUT        ?= work/brain3mm
SHELL      := /bin/bash
.SHELLFLAGS := -e -o pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:

model: $(OUT)/scans.lat
	@go_on=; test ! -f $(OUT)/autoencoder/checkpoint.safetensors || go_on=--resume
	train-ae -v -c $(CONFIG) -o $(OUT)/autoencoder --math fast --f16 --validation $(VALIDATION) $$go_on $(OUT)/scans.lat

$(OUT)/scans.lat:
	@test -n "$(DATA)" || { echo "train.mk: DATA='NAME=FOLDER ...' names the scans" >&2; exit 2; }
	mkdir -p $(OUT)
	for study in $(DATA); do
		for scan in "$${study#*=}"/*_T1w.nii.gz; do
			label=$${scan##*/sub-}; label=$${label%%_*}
			nii2lat --grid-only --no-history --id "sub-$${study%%=*}x$${label}_T1w" "$$scan"
		done
	done > $@

.PHONY: model
