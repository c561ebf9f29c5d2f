# What methods make of a set of scans, scored against the scans.
#
# A method's target is OUT/SET/METHOD.tsv: one row of means over the scans. Its columns: set, text, scans, SSIM in the brain (windows
# 11 and 3), SSIM of the whole grid (11 and 3), MSE in the brain and of the whole grid.

# $(call score,METHOD,TEXT): the row, from the scans in the folder OUT/SET/METHOD
define score
	while read -r scan; do printf '%s\t%s\n' "$$scan" "$(@D)/$(1)/$${scan##*/}"; done < $(@D)/truth.txt > $(@D)/$(1).list
	for window in 11 3; do
		nii-score --range 1 --window $$window --mask brain --list $(@D)/$(1).list > $(@D)/$(1)-brain-$$window.tsv
		nii-score --range 1 --window $$window --list $(@D)/$(1).list > $(@D)/$(1)-whole-$$window.tsv
	done
	paste $(@D)/$(1)-{brain-11,brain-3,whole-11,whole-3}.tsv | awk -F '\t' 'NR > 1 { n++
			for (i = 0; i < 4; i++) ssim[i] += $$(6 * i + 3)
			brain += $$5; whole += $$17 }
		END { printf "$(notdir $(@D))\t$(2)\t%d\t%.6f\t%.6f\t%.6f\t%.6f\t%.8f\t%.8f\n",
			n, ssim[0] / n, ssim[1] / n, ssim[2] / n, ssim[3] / n, brain / n, whole / n }' > $@
endef

# $(call scored,METHOD,COMMAND,TEXT): the same, COMMAND (its end is lat2nii) making the scans
define scored
	mkdir -p $(@D)/$(1)
	$(2) -f -o '$(@D)/$(1)/{id}.nii'
	$(call score,$(1),$(3))
endef

# $(call table,FILES): the rows as a table
define table
	echo '| scans | method | SSIM in the brain, window 11 | window 3 | SSIM whole, window 11 | window 3 | MSE in the brain | MSE whole |'
	echo '|---|---|---|---|---|---|---|---|'
	cat $(1) | awk -F '\t' '{
		printf "| %s (%d) | %s | %.3f | %.3f | %.3f | %.3f | %.5f | %.5f |\n", $$1, $$3, $$2, $$4, $$5, $$6, $$7, $$8, $$9 }'
endef

# $(call beats,A,B): does the row of file A do better than that of B?
define beats
	paste $(1) $(2) | awk -F '\t' '
		BEGIN { split("SSIM in the brain (11),SSIM in the brain (3),SSIM whole (11),SSIM whole (3),MSE in the brain,MSE whole", name, ",") }
		{ for (i = 1; i <= 6; i++) {
			better = i < 5 ? $$(i + 3) > $$(i + 12) : $$(i + 3) < $$(i + 12)
			if (better) yes = yes (yes ? ", " : "") name[i]; else no = no (no ? ", " : "") name[i] }
		  printf "- %s: %s better than %s: %s\n", $$1, $$2, $$11,
			!no ? "holds in all scores" : !yes ? "falls short in all scores" : "holds in " yes "; falls short in " no }'
endef
