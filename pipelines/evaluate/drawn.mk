# Brains drawn from nothing beside scans of the validation, both after the autoencoder, by lat-realism; and a picture of them.
# how many are drawn
BRAINS ?= 24

$(OUT)/drawn.md: $(OUT)/drawn/realism.tsv $(OUT)/drawn.png always
	@{
		echo '## Brains drawn from nothing'
		echo
		echo 'Drawn by $(WAY) from seed $(SEED); beside validation scans and, where it is told, training scans, all after the autoencoder.'
		echo 'What each measure is: `man lat-realism`.'
		echo
		$(drawn_table)
		echo
		echo 'The picture (`drawn.png`): the first sixteen of them, an axial, a coronal and a sagittal slice of each.'
	} > $@

# The measures in words; what real scans have when they are measured like drawn ones
define drawn_table
	awk -F '\t' '
		BEGIN {
			text["scans"] = "scans"
			text["components_variance"] = "variance along %d principal components of the real scans, as a share of theirs; training scans show what others have"
			text["components_bias"] = "largest mean along one of these, in standard deviations of the real scans"
			text["local_structure"] = "distance of local structure (features of random convolutions) from real scans, as a multiple of that between real ones"
			text["spectrum_0_1"] = "variance of structure finer than 1 voxel, as a share of that of real scans: less than 1 is blurred"
			text["spectrum_1_2"] = "of 1 to 2 voxels"
			text["spectrum_2_4"] = "of 2 to 4 voxels"
			text["spectrum_4_8"] = "of 4 to 8 voxels"
			text["nearest"] = "distance in the brain from the nearest training scan, by that of real scans: a scan learned by heart has 0"
			text["nearest_least"] = "the smallest such distance, rms"
			text["ms_ssim"] = "MS-SSIM among each other: less is more diverse"
		}
		$$1 == "left" { print $$2; exit }
		$$1 == "components" { k = $$2; next }
		$$1 == "measure" { print "| | drawn | real | training |"; print "|---|---|---|---|"; next }
		{ printf "| " text[$$1], k; for (i = 2; i <= 4; i++) printf $$i == "-" ? " | " : " | %.3g", $$i; print " |" }' $<
endef

$(OUT)/drawn/z.lat: $(foreach k,shift_unet unet,$(call file_of,$k))
	@mkdir -p $(@D)
	lat-denoise $(call solver,$(WAY)) --generate $(BRAINS) --noise $(SEED) > $@

$(OUT)/drawn/scans.txt: $(OUT)/drawn/z.lat
	@rm -rf $(@D)/scans
	mkdir $(@D)/scans
	lat2nii -m "$$MODEL" --unit -o '$(@D)/scans/{id}.nii' $<
	ls $(@D)/scans/*.nii > $@

# $(call again,FILES): scans that have been through the autoencoder on the model's grid once more
again = nii2lat -q -m "$$MODEL" --grid-only --no-history -- $(1) > $@

$(OUT)/drawn/drawn.lat: $(OUT)/drawn/scans.txt
	@$(call again,$(@D)/scans/*.nii)

$(OUT)/drawn/real.lat: $(OUT)/validation.lat
$(OUT)/drawn/train.lat: $(OUT)/train.lat
$(OUT)/drawn/real.lat $(OUT)/drawn/train.lat: $(OUT)/drawn/%.lat:
	@mkdir -p $(@D)
	rm -rf $(@D)/$*
	mkdir $(@D)/$*
	lat2nii -m "$$MODEL" --unit -o '$(@D)/$*/{id}.nii' $<
	$(call again,$(@D)/$*/*.nii)
	rm -r $(@D)/$*

# Ten components, or as many as the scans have
$(OUT)/drawn/realism.tsv: $(OUT)/drawn/drawn.lat $(OUT)/drawn/real.lat $(OUT)/drawn/train.lat
	@real=$$(lat-info $(@D)/real.lat | sed 1d | wc -l)
	if [ $$real -lt 4 ] || [ $(BRAINS) -lt 2 ]; then
		printf 'left\tLeft out: four validation scans and two drawn ones are needed, there are %d and %d.\n' $$real $(BRAINS) > $@
		exit
	fi
	k=$$((real > 10 ? 10 : real - 1))
	{
		printf 'components\t%d\n' $$k
		lat-realism -k $$k --real $(@D)/real.lat --train $(@D)/train.lat $(@D)/drawn.lat
	} > $@

$(OUT)/drawn.png: $(OUT)/drawn/scans.txt
	@head -n 16 $< | xargs -d '\n' nii2png -f -n 1 -s 160 --no-difference --no-captions -o $@ --
