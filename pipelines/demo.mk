# A real scan through the pipe: make -f pipelines/demo.mk [SCAN=scan.nii.gz] [OUT=demo]. The tools are found by PATH.
# The scan is Colin27's brain, which the Debian package mricron-data brings.
SCAN  ?= /usr/share/mricron/templates/ch2bet.nii.gz
OUT   ?= demo
SHELL := /bin/bash
.SHELLFLAGS := -e -o pipefail -c
.ONESHELL:

demo: $(SCAN)
	@mkdir -p $(OUT)
	echo 'nii2lat $(SCAN) | tee scan.lat | lat2nii'
	nii2lat $(SCAN) | tee $(OUT)/scan.lat | lat2nii --unit -f -o $(OUT)/reconstruction.nii.gz
	lat-cut -n z $(OUT)/scan.lat > $(OUT)/latent.lat
	lat2nii --grid-only --unit -f -o $(OUT)/scan.nii.gz $(OUT)/scan.lat
	lat2nii --native -f -o $(OUT)/native.nii.gz $(OUT)/scan.lat
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

$(SCAN): ; @echo 'demo: $@: no such scan (Debian package mricron-data)' >&2; exit 2

.PHONY: demo
