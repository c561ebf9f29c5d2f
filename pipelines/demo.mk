# A real scan through the pipe: make -f pipelines/demo.mk [SCAN=scan.nii.gz] [OUT=demo] [MODEL=brain3mm]. The tools are found by PATH.
# The scan is Colin27's brain, which the Debian package mricron-data brings. One picture for each part:
#
#   compress  scan -> z -> scan                      demo.png
#   invert    z, y -> zT -> z -> scan                inverted.png
#   alone     y and drawn noise -> scans             alone.png
#   generate  drawn noise -> a brain                 generated.png
#   between   from the scan to the generated brain   between.png
#   change    y moved along a probe of age           older.png
#
# What the model has no weights for is left out, and said. The probe is age.safetensors beside the model's weights.
SCAN  ?= /usr/share/mricron/templates/ch2bet.nii.gz
OUT   ?= demo
MODEL ?= brain3mm
# how the diffusion model is used: few calls
WAY   ?= -s 20
SHELL := /bin/bash
.SHELLFLAGS := -e -o pipefail -c
.ONESHELL:
.NOTPARALLEL:
KNOWN := SCAN OUT MODEL WAY
HERE  := $(dir $(lastword $(MAKEFILE_LIST)))
include $(HERE)known.mk $(HERE)model.mk

probe  := $(wildcard $(addsuffix age.safetensors,$(dir $(call has,semantic))))
parts  := compress $(if $(denoiser),invert) $(if $(guided),alone) $(if $(denoiser),generate between) $(and $(guided),$(probe),change)
id     := $(firstword $(subst .nii, ,$(notdir $(SCAN))))
encode := nii2lat -m $(MODEL)
sem    := $(if $(guided),sem-encode -m $(MODEL),cat)
carry  := lat-denoise -m $(MODEL) $(WAY)
decode := lat2nii -m $(MODEL) --unit -f -o

demo: $(parts)
	@$(if $(strip $(missing)),echo; echo 'There is more to see when $(MODEL) has all weights; it has $(strip $(missing)).')

# $(call scores,REF,SCANS): in the brain; names without folders
define scores
	(cd $(OUT) && nii-score --mask brain $(1).nii.gz $(2:%=%.nii.gz)) | awk -F '\t' '
		NR == 1 { print "  in the brain            SSIM      MSE" }
		NR > 1 { sub(/\.nii\.gz/, "", $$2); printf "  %-22s %5.3f  %.5f\n", $$2, $$3, $$5 }'
endef
# $(call picture,NAME,SCANS,OPTIONS)
define picture
	nii2png -f $(3) -o $(OUT)/$(1).png $(2:%=$(OUT)/%.nii.gz)
	echo '  picture: $(OUT)/$(1).png'
endef

compress: $(SCAN)
	@mkdir -p $(OUT)
	echo 'nii2lat $(SCAN) | tee scan.lat | lat2nii'
	$(encode) $(SCAN) | tee $(OUT)/scan.lat | $(decode) $(OUT)/reconstruction.nii.gz
	lat-cut -n z $(OUT)/scan.lat > $(OUT)/latent.lat
	$(decode) $(OUT)/scan.nii.gz --grid-only $(OUT)/scan.lat
	lat2nii -m $(MODEL) --native -f -o $(OUT)/native.nii.gz $(OUT)/scan.lat
	lat-info $(OUT)/latent.lat
	grid=$$(lat2nii --grid-only --unit $(OUT)/scan.lat | wc -c) latent=$$(stat -c %s $(OUT)/latent.lat)
	awk -v f=$$(stat -c %s $(SCAN)) -v g=$$grid -v l=$$latent 'BEGIN {
		printf "scan as stored (gzip)    %9d bytes\nvoxels on the grid (f32) %9d bytes\n", f, g
		printf "latent as stored         %9d bytes: 1/%.0f of the scan, 1/%.0f of the grid\n", l, f / l, g / l }'
	echo 'the whole grid, then inside the brain:'
	cd $(OUT)
	nii-score scan.nii.gz reconstruction.nii.gz
	nii-score --mask brain scan.nii.gz reconstruction.nii.gz | tail -n 1
	cd - > /dev/null
	nii2png -f -o $(OUT)/demo.png $(OUT)/scan.nii.gz $(OUT)/reconstruction.nii.gz
	echo 'scan, reconstruction and difference: $(OUT)/demo.png'

invert: compress
	@echo
	echo 'The scan to its codes, and back from them:'
	echo '  $(if $(guided),sem-encode scan.lat | lat-denoise --invert,lat-denoise --invert scan.lat) | tee codes.lat | lat-denoise | lat2nii'
	$(sem) $(OUT)/scan.lat | $(carry) --invert | tee $(OUT)/codes.lat | $(carry) | $(decode) $(OUT)/inverted.nii.gz
	$(call scores,scan,reconstruction inverted)
	$(call picture,inverted,scan reconstruction inverted)

alone: invert
	@echo
	echo 'What the semantic code alone says: y with noise drawn for zT, three times, and the mean of these:'
	echo '  lat-denoise --noise 1 --count 3 codes.lat | lat2nii'
	$(carry) --noise 1 --count 3 $(OUT)/codes.lat | $(decode) '$(OUT)/{id}.nii.gz'
	for i in 1 2 3; do mv $(OUT)/$(id)_var-00$$i.nii.gz $(OUT)/alone-$$i.nii.gz; done
	nii-mean -f -o $(OUT)/alone-mean.nii.gz $(OUT)/alone-[123].nii.gz
	$(call scores,scan,alone-1 alone-2 alone-3 alone-mean)
	$(call picture,alone,scan alone-1 alone-2 alone-3 alone-mean,--no-difference)

generate: invert
	@echo
	echo 'A brain of nobody:'
	echo '  lat-denoise --generate 1 | lat2nii'
	$(carry) --generate 1 | $(decode) $(OUT)/generated.nii.gz
	$(call picture,generated,generated)

# What was generated has no code of its own: it is read like any scan
steps := 1 2 3 4 5
between: generate
	@echo
	echo 'From the scan to the generated brain, which is first encoded like any scan:'
	echo '  lat-lerp -t 0:.25:1 codes.lat generated.lat | lat-denoise | lat2nii'
	$(encode) --id generated $(OUT)/generated.nii.gz | $(sem) | $(carry) --invert > $(OUT)/generated.lat
	lat-lerp -t 0:.25:1 $(OUT)/codes.lat $(OUT)/generated.lat | $(carry) | $(decode) '$(OUT)/{id}.nii.gz'
	for i in $(steps); do mv $(OUT)/$(id)_var-00$$i.nii.gz $(OUT)/between-$$i.nii.gz; done
	echo '  to the scan:'
	$(call scores,scan,$(steps:%=between-%))
	echo '  to the generated brain:'
	$(call scores,generated,$(steps:%=between-%))
	$(call picture,between,scan $(steps:%=between-%) generated,--no-difference -n 2)

change: invert
	@echo
	echo 'The same brain as if younger and older, along a probe of age:'
	echo '  lat-steer --probe age.safetensors --by 2 codes.lat | lat-denoise | lat2nii'
	for by in -2 2; do
		name=$$([ $$by = 2 ] && echo older || echo younger)
		lat-steer --probe $(probe) --by $$by $(OUT)/codes.lat | $(carry) | $(decode) $(OUT)/$$name.nii.gz
		$(encode) --id $$name $(OUT)/$$name.nii.gz | $(sem)
	done > $(OUT)/changed.lat
	echo '  ages that the probe reads, of the changed scans after encoding them again:'
	linprobe predict --probe $(probe) $(OUT)/codes.lat $(OUT)/changed.lat | awk -F '\t' 'NR > 1 { printf "  %-22s %5.1f\n", $$1, $$4 }'
	$(call scores,scan,younger inverted older)
	$(call picture,older,inverted younger older)

$(SCAN): ; @echo 'demo: $@: no such scan (Debian package mricron-data)' >&2; exit 2

.PHONY: demo compress invert alone generate between change
