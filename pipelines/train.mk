# Trains a model on scans:
#
#   scans -- nii2lat --grid-only [-- warps] --> scans.lat -- train-ae --> autoencoder
#                                               scans.lat, autoencoder -- train-ldm --> unet
#                                               scans.lat, autoencoder, unet -- train-sem --> semantic, shift_unet
#
#   make -f pipelines/train.mk DATA='NAME=FOLDER ...' OUT=folder [CONFIG=recipe.json] [VALIDATION=subjects.txt] [JOBS=2]
#        [autoencoder|unet|semantic]
#
# Each FOLDER holds registered brains of one study (*_T1w.nii.gz, or the results of prepare.mk); NAME becomes part of the subjects' ids
# (sub-<NAME>x<label>), so that subjects of two studies stay apart. Where the recipe varies the shape of scans (augment.towards),
# train/warps registers each scan to the mean of all, JOBS at a time, and keeps the result in OUT/warps. One CONFIG serves all stages; each
# stage reads its own section on training: training, training_ldm, training_sem. An interrupted training continues where it stopped. The
# defaults make models/brain3mm, in OUT/model.
HERE       := $(subst train.mk,,$(MAKEFILE_LIST))
CONFIG     ?= $(HERE)brain3mm.json
VALIDATION ?= $(HERE)brain3mm-validation.txt
OUT        ?= work/brain3mm
JOBS       ?= 2
.DELETE_ON_ERROR:
.DEFAULT_GOAL := model
WORDS      := DATA OUT CONFIG VALIDATION JOBS
include $(subst $() ,\ ,$(HERE))common.mk
include $(subst $() ,\ ,$(HERE))known.mk
include $(subst $() ,\ ,$(HERE))scans.mk
$(call plain,DATA OUT)
$(call one_word,OUT)

model: semantic
	@mkdir -p $(OUT)/model
	cp $(OUT)/autoencoder/autoencoder.safetensors $(OUT)/semantic/semantic.safetensors $(OUT)/semantic/shift_unet.safetensors $(OUT)/model

# TRAIN: what the stages have in common; the target is the stage's folder
TRAIN = -v -c "$$CONFIG" -o $(OUT)/$@ --math fast --validation "$$VALIDATION" \
	$$(ls $(OUT)/$@/checkpoint.safetensors* > /dev/null 2>&1 && echo --resume) $(OUT)/scans.lat

autoencoder: $(OUT)/scans.lat
	train-ae --f16 $(TRAIN)

unet: autoencoder
	train-ldm --f16 -m $(OUT)/autoencoder $(TRAIN)

semantic: unet
	train-sem --i8 -m $(OUT)/autoencoder --unet $(OUT)/unet $(TRAIN)

$(OUT)/scans.lat:
	@test -n "$$DATA" || { echo "train.mk: DATA='NAME=FOLDER ...' names the scans" >&2; exit 2; }
	mkdir -p $(OUT)
	$(call stream,$(DATA),--grid-only --recipe "$$CONFIG") > $(OUT)/grid.lat
	if jq -e '[.. | .towards? | numbers] | any(. > 0)' "$$CONFIG" > /dev/null; then
		WARPS=$(OUT)/warps bash "$${HERE}train/warps" $(OUT)/grid.lat "$$VALIDATION" "$$JOBS" > $@.part
	else
		mv $(OUT)/grid.lat $@.part
	fi
	rm -f $(OUT)/grid.lat
	mv $@.part $@

.PHONY: model autoencoder unet semantic
