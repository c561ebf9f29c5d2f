# Through the autoencoder, beside what the simplest methods make of the same scans.
methods := autoencoder blocks mean nearest pca

$(OUT)/autoencoder.md: $(foreach s,$(sets),$(methods:%=$(OUT)/$s/%.tsv)) always
	@{
		echo '## Compression'
		echo
		$(call table,$(filter %.tsv,$^))
	} > $@

# Shell variables: k, a latent's channels, and side, the voxels of the scan along a side of each of its own
shapes   = read -r k side < <(lat-info $(@D).lat | awk -F '\t' '{ split($$5, n, "x") } $$3 == "x" { x = n[2] } $$3 == "z" { k = n[1]; z = n[2] } END { print k, x / z }')
cube     = '$$side'x'$$side'x'$$side'
baseline = lat-baseline --train $(OUT)/train.lat --method

$(OUT)/%/autoencoder.tsv: $(OUT)/%.lat $(OUT)/%/truth.txt
	@$(call scored,autoencoder,lat2nii -m "$$MODEL" --unit $(@D).lat,autoencoder)
$(OUT)/%/blocks.tsv: $(OUT)/%.lat $(OUT)/%/truth.txt $(OUT)/train.lat
	@$(shapes)
	$(call scored,blocks,$(baseline) blocks -k $$k --block $$side $(@D).lat | lat2nii --grid-only --unit,principal components of $(cube) blocks$(comma) as many numbers)
$(OUT)/%/mean.tsv: $(OUT)/%.lat $(OUT)/%/truth.txt $(OUT)/train.lat
	@$(call scored,mean,$(baseline) mean $(@D).lat | lat2nii --grid-only --unit,mean of the training scans)
$(OUT)/%/nearest.tsv: $(OUT)/%.lat $(OUT)/%/truth.txt $(OUT)/train.lat
	@$(call scored,nearest,$(baseline) nearest $(@D).lat | lat2nii --grid-only --unit,nearest training scan)
$(OUT)/%/pca.tsv: $(OUT)/%.lat $(OUT)/%/truth.txt $(OUT)/train.lat
	@$(call scored,pca,$(baseline) pca -k $(COMPONENTS) $(@D).lat | lat2nii --grid-only --unit,$(COMPONENTS) principal components of whole scans)
