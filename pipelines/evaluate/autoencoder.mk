# Through the autoencoder, beside what the simplest methods make of the same scans.
methods := autoencoder blocks mean nearest pca

$(OUT)/autoencoder.md: $(foreach s,$(sets),$(methods:%=$(OUT)/$s/%.tsv)) always
	@{
		echo '## Compression'
		echo
		$(call table,$(filter %.tsv,$^))
	} > $@

channels = $$(lat-info $(@D).lat | awk -F '\t' '$$3 == "z" { split($$5, n, "x"); k = n[1] } END { print k }')
baseline = lat-baseline --train $(OUT)/train.lat --method

$(OUT)/%/autoencoder.tsv: $(OUT)/%.lat $(OUT)/%/truth.txt
	@$(call scored,autoencoder,lat2nii -m "$$MODEL" --unit $(@D).lat,autoencoder)
$(OUT)/%/blocks.tsv: $(OUT)/%.lat $(OUT)/%/truth.txt $(OUT)/train.lat
	@k=$(channels)
	$(call scored,blocks,$(baseline) blocks -k $$k $(@D).lat | lat2nii --grid-only --unit,principal components of 4x4x4 blocks$(comma) as many numbers)
$(OUT)/%/mean.tsv: $(OUT)/%.lat $(OUT)/%/truth.txt $(OUT)/train.lat
	@$(call scored,mean,$(baseline) mean $(@D).lat | lat2nii --grid-only --unit,mean of the training scans)
$(OUT)/%/nearest.tsv: $(OUT)/%.lat $(OUT)/%/truth.txt $(OUT)/train.lat
	@$(call scored,nearest,$(baseline) nearest $(@D).lat | lat2nii --grid-only --unit,nearest training scan)
$(OUT)/%/pca.tsv: $(OUT)/%.lat $(OUT)/%/truth.txt $(OUT)/train.lat
	@$(call scored,pca,$(baseline) pca -k $(COMPONENTS) $(@D).lat | lat2nii --grid-only --unit,$(COMPONENTS) principal components of whole scans)
