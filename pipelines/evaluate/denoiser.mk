# The noise that the diffusion model predicts, beside what the simplest predictors do: lat-learnable(1).

# how many principal components, as lat-learnable takes them
numbers := $(subst $() ,$(comma),$(strip $(NUMBERS)))

# From the table of a set: how the network stands to the best of the others, without codes and, where it takes any, with them
define learned
	awk -F '\t' -v set="$(1)" '
		NR == 1 { next }
		$$1 == "unet" || $$1 == "code" { name[++n] = $$1; weighted[n] = $$7; for (i = 2; i <= 6; i++) own[n, i] = $$i; next }
		{ for (i = 2; i <= 6; i++) if (NR == 2 || $$i < least[i]) least[i] = $$i
		  if (NR == 2 || $$7 < best) { best = $$7; simple = $$1 } }
		END { for (k = 1; k <= n; k++) {
			worse = ""
			for (i = 2; i <= 6; i++) if (own[k, i] > least[i]) worse = worse (worse ? ", " : "") i - 1
			printf "- %s: weighted error of %s: %.3f of that of %s, the best simple predictor: %s; in fifths worse than the best linear predictor: %s\n",
				set, name[k], weighted[k] / best, simple, (weighted[k] < best ? "better" : "falls short"), (worse ? worse : "none")
		  }
		  if (n == 2) printf "- %s: weighted error with the code: %.3f of that without\n", set, weighted[2] / weighted[1] }'
endef

$(OUT)/denoiser.md: $(foreach s,$(sets),$(OUT)/$s/denoiser.tsv) always
	@{
		echo '## How much of the noise is predicted'
		echo
		echo 'Squared error of the noise in latents, by fifths of the timesteps (little noise first) and weighted over all (lat-learnable): the'
		echo 'network (unet; with the codes: code) should be well below the best of the simple predictors, which are linear and learn from the'
		echo 'latents of the same training scans.'
		echo
		echo '| scans | predictor | fifth 1 | 2 | 3 | 4 | 5 | weighted | of place |'
		echo '|---|---|---|---|---|---|---|---|---|'
		$(foreach s,$(sets),awk -F '\t' -v n=$$(lat-info $(OUT)/$s/codes.lat | cut -f 3 | grep -cx z) 'NR > 1 {
			printf "| $s (%d) | %s | %.3g | %.3g | %.3g | %.3g | %.3g | %.4f | %.3f |\n", n, $$1, $$2, $$3, $$4, $$5, $$6, $$7, $$8 }' $(OUT)/$s/denoiser.tsv
		)
		echo
		$(foreach s,$(sets),$(call learned,$s) $(OUT)/$s/denoiser.tsv
		)
	} > $@

$(OUT)/%/denoiser.tsv: $(OUT)/%/codes.lat $(OUT)/train/codes.lat
	@lat-learnable -m "$$MODEL" -k $(numbers) --train $(OUT)/train/codes.lat $< > $@
