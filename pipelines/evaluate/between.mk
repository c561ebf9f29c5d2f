# Halfway between two subjects, each and the one behind it: y linearly, zT spherically.
$(OUT)/between.md: $(OUT)/validation/between.tsv always
	@{
		echo '## Between two subjects'
		echo
		echo 'Pairs of validation subjects; the midpoint of their codes ($(WAY)) against both, and both against each other: means, and in'
		echo 'how many pairs the midpoint is closer to both. Scans are the subjects'"'"' own.'
		echo
		echo '| | to the first | to the second | of the two | closer to both |'
		echo '|---|---|---|---|---|'
		awk -F '\t' '{ printf "| %s | %.4g | %.4g | %.4g | %d of %d |\n", $$1, $$2, $$3, $$4, $$5, $$6 }' $<
		echo
		cat $(<:.tsv=-ends.txt)
	} > $@

# $(call closer,TEXT,COLUMN,SIGN): means, and pairs in which the midpoint is closer to both, from three lines a pair: first and
# midpoint, second and midpoint, first and second. SIGN 1: less is closer; -1: more is.
closer = awk -F '\t' 'FNR > 1 { i = (FNR - 2) % 3; v[i] = $$($(2)) * ($(3)); sum[i] += $$($(2)) } \
	FNR > 1 && i == 2 { n++; both += v[2] > v[0] && v[2] > v[1] } \
	END { printf "$(1)\t%.8g\t%.8g\t%.8g\t%d\t%d\n", sum[0] / n, sum[1] / n, sum[2] / n, both, n }'

# $(call distances,MIDPOINTS): rms of the difference in y, three lines a pair
define distances
	{
		lat-diff $(@D)/first-y.lat $(1) > $(@D)/d0 || test $$? = 1
		lat-diff $(@D)/second-y.lat $(1) > $(@D)/d1 || test $$? = 1
		lat-diff $(@D)/first-y.lat $(@D)/second-y.lat > $(@D)/d2 || test $$? = 1
		head -n 1 $(@D)/d0
		paste -d '\n' <(sed 1d $(@D)/d0) <(sed 1d $(@D)/d1) <(sed 1d $(@D)/d2)
	}
endef

$(OUT)/validation/between.tsv: $(OUT)/validation/$(WAY).zT.lat $(OUT)/validation/truth.txt
	@mkdir -p $(@D)/{between,voxels,ends}
	$(call rotated,$<) > $(@D)/second.lat
	lat-lerp -t 0 $< $(@D)/second.lat > $(@D)/at0.lat
	lat-lerp -t 1 $< $(@D)/second.lat > $(@D)/at1.lat
	lat-lerp -t .5 $< $(@D)/second.lat > $(@D)/middle.lat
	lat-denoise $(call solver,$(WAY)) $(@D)/middle.lat | $(decode) -f -o '$(@D)/between/{id}.nii'
	# in y: all under the first one's id
	lat-cut -n y $(@D)/at0.lat > $(@D)/first-y.lat
	lat-cut -n y $(@D)/at1.lat > $(@D)/second-y.lat
	lat-cut -n y $(@D)/middle.lat > $(@D)/middle-y.lat
	nii2lat -q -m "$$MODEL" --grid-only $(@D)/between/*.nii | sem-encode -m "$$MODEL" | lat-cut -n y > $(@D)/seen-y.lat
	# in the image
	{ sed 1d $(@D)/truth.txt; head -n 1 $(@D)/truth.txt; } > $(@D)/second.txt
	while read -r a && read -r b <& 3; do
		name=$${a##*/}
		nii-mean -f -o $(@D)/voxels/$$name $$a $$b
		printf '%s\t%s\n' $$a $(@D)/between/$$name $$b $(@D)/between/$$name $$a $$b >& 4
		printf '%s\t%s\n' $$a $(@D)/voxels/$$name $$b $(@D)/voxels/$$name $$a $$b
	done < $(@D)/truth.txt 3< $(@D)/second.txt 4> $(@D)/between.list > $(@D)/voxels.list
	for how in between voxels; do nii-score --range 1 --mask brain --list $(@D)/$$how.list > $(@D)/$$how-brain.tsv; done
	{
		$(call distances,$(@D)/middle-y.lat) | $(call closer,rms in y$(comma) of the midpoint itself,5,1)
		$(call distances,$(@D)/seen-y.lat) | $(call closer,rms in y$(comma) of its scan encoded again,5,1)
		$(call closer,MSE in the brain,5,1) $(@D)/between-brain.tsv
		$(call closer,SSIM in the brain (11),3,-1) $(@D)/between-brain.tsv
		$(call closer,for comparison: SSIM of the voxels$(quote) mean,3,-1) $(@D)/voxels-brain.tsv
	} > $@
	# the ends: those of the first as a stream, those of the second under their own ids
	for n in y zT; do
		lat2npy -n $$n -f -o "$(@D)/ends/{id}-$$n-1.npy" $(@D)/at1.lat
		lat2npy -n $$n -f -o "$(@D)/ends/{id}-$$n.npy" $<
	done
	same=0 all=0
	while read -r a && read -r b <& 3; do
		a=$$(basename $$a .nii) b=$$(basename $$b .nii)
		for n in y zT; do
			all=$$((all + 1))
			! cmp -s $(@D)/ends/$$a-$$n-1.npy $(@D)/ends/$$b-$$n.npy || same=$$((same + 1))
		done
	done < $(@D)/truth.txt 3< $(@D)/second.txt
	start=differs
	lat-diff <(lat-cut -n y$(comma)zT $<) <(lat-cut -n y$(comma)zT $(@D)/at0.lat) > $(@D)/at0.tsv && start=same
	echo "The ends, bit for bit: lat-lerp -t 0: $$start; lat-lerp -t 1: $$same of $$all tensors are the same." > $(@:.tsv=-ends.txt)
