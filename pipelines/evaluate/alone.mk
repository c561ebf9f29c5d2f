# What y alone says of a scan: zT is drawn, so that it says nothing.
DRAWS ?= 8

# the mean of several draws takes long: of the validation scans only
alone_of = draw other $(if $(filter validation,$(1)),average)

# $(call claim,SET,A,B): for the methods that the set has
claim = $(if $(filter $(2),$(call alone_of,$(1))),$(call beats,$(OUT)/$(1)/$(2).tsv,$(OUT)/$(1)/$(3).tsv))

$(OUT)/alone.md: $(foreach s,$(sets),$(patsubst %,$(OUT)/$s/%.tsv,$(call alone_of,$s) nearest mean pca)) always
	@{
		echo '## From the semantic code alone'
		echo
		echo 'zT is drawn; $(WAY).'
		echo
		$(call table,$(filter %.tsv,$^))
		echo
		$(foreach s,$(sets),$(call claim,$s,draw,nearest)
		$(call claim,$s,draw,other)
		$(call claim,$s,average,mean)
		$(call claim,$s,average,pca)
		)
	} > $@

# The subjects in turn: what stands behind each
rotated = { lat-cut -r 2: $(1) && lat-cut -r 1:1 $(1); }

# A record's noise depends on its id, which lat-lerp takes from the first stream, and y, at 1, from the second
$(OUT)/%/other.lat: $(OUT)/%/codes.lat
	@lat-cut -n y $< > $(@D)/y.lat
	$(call rotated,$(@D)/y.lat) > $(@D)/next-y.lat
	lat-lerp -t 1 $(@D)/y.lat $(@D)/next-y.lat > $@

draw = lat-denoise $(call solver,$(WAY)) --noise
decode = lat2nii -m "$$MODEL" --unit

$(OUT)/%/draw.tsv: $(OUT)/%/codes.lat $(OUT)/%/truth.txt
	@$(call scored,draw,$(draw) $(SEED) $< | $(decode),y and one draw)
$(OUT)/%/other.tsv: $(OUT)/%/other.lat $(OUT)/%/truth.txt
	@$(call scored,other,$(draw) $(SEED) $< | $(decode),the same draw with the next subject$(quote)s y)
$(OUT)/%/average.tsv: $(OUT)/%/codes.lat $(OUT)/%/truth.txt
	@mkdir -p $(@D)/draws $(@D)/average
	$(draw) $(SEED) --count $(DRAWS) $< | $(decode) -f -o '$(@D)/draws/{id}.nii'
	while read -r scan; do
		id=$$(basename "$$scan" .nii)
		nii-mean -f -o $(@D)/average/$$id.nii $(@D)/draws/$${id}_var-*.nii
	done < $(@D)/truth.txt
	$(call score,average,y and the mean of $(DRAWS) draws)
quote := \047
