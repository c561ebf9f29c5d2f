# Age and sex from codes, by linear probes, judged on subjects that a probe has not seen; the same folds for each code. The principal
# components are learned from the scans of the training, as the encoder is, without labels: both know many of the subjects, no label.
# So a probe that is fitted on subjects of the training is judged on those of the validation, too, which nothing has seen.
AGE   ?= age
# column and value
SEX   ?= sex=f
FOLDS ?= 10
# draws of the folds, by which figures of a hundred people differ
REPEATS ?= 10

labelled = $(foreach s,$(LABELS),$(firstword $(subst =, ,$s)))
codes   := y mean $(NUMBERS:%=x-%) $(NUMBERS:%=z-%)

# From the rows of a study, of which the semantic code's is the first: what it does better than, and what not
define verdicts
	awk -F '|' '
		function list(a, b) { return a (a ? "," : "") b }
		function say(what, yes, no) {
			printf "-%s: the semantic code has a %s than:%s; not than:%s\n", substr(set, 1, length(set) - 1), what, yes ? yes : " none", no ? no : " none" }
		function both() { say("smaller MAE", less, not_less); say("larger AUC", more, not_more) }
		$$2 != set { if (set) both(); set = $$2; mae = $$5 + 0; auc = $$7 + 0; less = not_less = more = not_more = ""; next }
		{ name = $$3; sub(/ $$/, "", name)
		  if (mae < $$5 + 0) less = list(less, name); else not_less = list(not_less, name)
		  if (auc > $$7 + 0) more = list(more, name); else not_more = list(not_more, name) }
		END { both() }'
endef

$(OUT)/probes.md: $(foreach s,$(labelled),$(codes:%=$(OUT)/probes/$s/%.tsv)) always
	@{
		echo '## What linear probes read'
		echo
		echo '$(FOLDS) folds by subject, drawn $(REPEATS) times, strength chosen within the training folds; in brackets 95 % intervals over subjects.'
		echo 'The encoder and the principal components have seen the training subjects without labels. Unseen: the probe is fitted on the'
		echo 'subjects of the training and judged on those of the validation, which the encoder has not seen either.'
		echo
		echo '| scans | code | numbers | MAE of $(AGE) | R2 | AUC of $(SEX) | balanced accuracy | MAE, unseen | AUC, unseen |'
		echo '|---|---|---|---|---|---|---|---|---|'
		cat $(filter %.tsv,$^)
		echo
		cat $(filter %.tsv,$^) | $(verdicts)
	} > $@

# Who is in a study, under the ids of the stream
$(OUT)/probes/%/labels.tsv: $(OUT)/train.lat $(OUT)/scans.lat $(studies:%=$(OUT)/%.lat)
	@mkdir -p $(@D)
	sed '1s/^\xef\xbb\xbf//; s/\r$$//' '$(patsubst $*=%,%,$(filter $*=%,$(LABELS)))' | awk -F '\t' -v OFS='\t' '
		NR == 1 { for (i = 1; i <= NF; i++) if ($$i == "participant_id") at = i
			if (!at) { print "evaluate.mk: the labels of $*: no column participant_id" > "/dev/stderr"; exit 65 } }
		NR > 1 { sub(/^sub-/, "", $$at); $$at = "sub-$*x" $$at }
		{ print }' > $@
	lat-info $^ | cut -f 1 | grep '^sub-$*x' | sort -u > $(@D)/ids.txt
	comm -12 $(@D)/ids.txt $(OUT)/train.txt > $(@D)/known.txt
	comm -12 $(@D)/ids.txt $(OUT)/validation.txt > $(@D)/unseen.txt

$(OUT)/probes/%/scans.lat: $(OUT)/probes/%/labels.tsv
	@lat-cut --ids $(@D)/ids.txt -n x$(comma)z $(OUT)/scans.lat $(studies:%=$(OUT)/%.lat) > $@

# Each code as a stream whose y it is
$(OUT)/probes/%/y.lat: $(OUT)/probes/%/labels.tsv $(foreach s,train $(sets),$(OUT)/$s/codes.lat)
	@lat-cut --ids $(@D)/ids.txt -n y $(filter %.lat,$^) > $@
define COMPONENTS_OF
$(OUT)/probes/%/$(1)-$(2).lat: $(OUT)/probes/%/scans.lat $(OUT)/train.lat
	@lat-baseline -n $(1) --method pca -k $(2) --code --train $(OUT)/train.lat $$< | lat-cut -n y > $$@
$(OUT)/probes/%/$(1)-$(2).tsv: $(OUT)/probes/%/$(1)-$(2).lat
	@$$(call probe,$(2) principal components of the $(if $(filter x,$(1)),voxels,latents))
endef
$(foreach t,x z,$(foreach k,$(NUMBERS),$(eval $(call COMPONENTS_OF,$t,$k))))

labels = --labels $(@D)/labels.tsv --target
cross  = linprobe cv --splits $(FOLDS) --repeats $(REPEATS) $(labels)
of_sex = $(firstword $(subst =, ,$(SEX))) --positive $(lastword $(subst =, ,$(SEX))) --balance
# $(call unseen,NAME,TARGET AND OPTIONS): a probe of the stream $<, as NAME.tsv; empty where nobody, or nobody else, is unseen
unseen = if [ -s $(@D)/known.txt ] && [ -s $(@D)/unseen.txt ]; then \
		lat-cut --ids $(@D)/known.txt $< | linprobe fit -q $(labels) $(2) -f -o $(@:.tsv=-$(1).safetensors); \
		lat-cut --ids $(@D)/unseen.txt $< | linprobe eval $(labels) $(firstword $(2)) --probe $(@:.tsv=-$(1).safetensors); fi > $(@:.tsv=-$(1)-unseen.tsv)
# $(call shown,METRIC,FORMAT,TABLE): cells of a row from linprobe's table: the value and its interval
shown = awk -F '\t' 'function f(v) { return v == "n/a" ? v : sprintf("$(2)", v) } \
	$$1 == "$(1)" { printf "| %s [%s, %s] ", f($$2), f($$3), f($$4) } END { if (!NR) printf "| n/a " }' $(3)

# $(call probe,TEXT): the row of a code, from the stream $<
define probe
	$(cross) $(AGE) $< > $(@:.tsv=-age.tsv)
	$(cross) $(of_sex) $< > $(@:.tsv=-sex.tsv)
	$(call unseen,age,$(AGE))
	$(call unseen,sex,$(of_sex))
	{
		printf '| $* (%d) | $(1) | %d ' $$(wc -l < $(@D)/ids.txt) $$(lat-info $< | tail -n 1 | cut -f 5)
		$(call shown,mae,%.2f,$(@:.tsv=-age.tsv))
		$(call shown,r2,%.2f,$(@:.tsv=-age.tsv))
		$(call shown,auc,%.3f,$(@:.tsv=-sex.tsv))
		$(call shown,balanced_accuracy,%.3f,$(@:.tsv=-sex.tsv))
		$(call shown,mae,%.2f,$(@:.tsv=-age-unseen.tsv))
		$(call shown,auc,%.3f,$(@:.tsv=-sex-unseen.tsv))
		echo '|'
	} > $@
endef
$(OUT)/probes/%/y.tsv: $(OUT)/probes/%/y.lat
	@$(call probe,semantic code)
# a probe that may not use the code
$(OUT)/probes/%/mean.tsv: $(OUT)/probes/%/y.lat
	@$(cross) $(AGE) --lambda 1e12 $< > $(@:.tsv=-age.tsv)
	$(call unseen,age,$(AGE) --lambda 1e12)
	{
		printf '| $* (%d) | no code: the mean of the others | 0 ' $$(wc -l < $(@D)/ids.txt)
		$(call shown,mae,%.2f,$(@:.tsv=-age.tsv))
		$(call shown,r2,%.2f,$(@:.tsv=-age.tsv))
		printf '| .5 | .5 '
		$(call shown,mae,%.2f,$(@:.tsv=-age-unseen.tsv))
		echo '| .5 |'
	} > $@
