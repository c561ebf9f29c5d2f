# Interpolates the visit between two visits of a subject:
#
#   visits of a subject -- codes.mk -- A, B: z, y, zT -- lat-lerp --month -- SAMPLE -- z -- DECODE -- sub-X_ses-Y_desc-interpolate_T1w.nii.gz
#                                      scores: compared with the real visit, where there is one
#
#   make -f pipelines/interpolate.mk BIDS=study OUT=folder [MONTH=12] [STEPS=100] [SUBJECTS='01 02'] ...
#
# MONTH: the visit to make, for all subjects that have visits before and after it. Without it, every visit that has neighbours is
# interpolated from them. The month of a visit comes from ses-M<n> or from sub-X_sessions.tsv (see bids-scans(1)). Results are on the
# model's grid, in the model's units. Scores in the brain (nii-score --mask brain) against the real visit: ssim_brain and mse_brain of the
# interpolated visit, and for comparison of the visits before (.._before) and after (.._after) themselves.
NAME   := interpolate
DECODE  = lat2nii -m "$$MODEL" --unit
STAGES := SAMPLE DECODE
WORDS  := MONTH
PLAN    = $(PLAN_BACK)

define UNITS
with_codes | tail -n +2 | sort -s -t $$'\t' -k 2,2 -k 4,4g | awk -F '\t' -v OFS='\t' -v month="$$MONTH" '
function unit(id, session, months, a, b, real) { print id, who, session, months, code[a], "n/a", code[b], real ? code[real] : "n/a"; made++ }
function between(	i, a, b, real, label) { # of the visits 1..n, in the order of their months
	made = 0
	for (i = 2; month == "" && i < n; i++) unit(ids[i], sessions[i], when[i], i - 1, i + 1, i)
	for (i = 1; month != "" && i <= n; i++)
		if (when[i] <= month - .5) a = i; else if (when[i] < month + .5) real = i; else if (!b) b = i
	label = month; sub(/[.]/, "p", label)
	if (a && b && real) unit(ids[real], sessions[real], month, a, b, real)
	else if (a && b) unit(who "_ses-M" label "_T1w", "ses-M" label, month, a, b, 0)
	if (n && !made) print "interpolate: " who ": left out: no visits on both sides" (month == "" ? "" : " of month " month) > "/dev/stderr"
	n = 0
}
$$2 != who { between(); who = $$2 }
$$4 == "n/a" { print "interpolate: " $$1 ": left out: when it was is not known" > "/dev/stderr"; next }
{ n++; ids[n] = $$1; sessions[n] = $$3; when[n] = $$4; code[n] = $$5 }
BEGIN { print "id", "participant_id", "session_id", "months", "path", "reason", "after_path", "real_path" }
END { between() }'
endef

define PIPE
step lerp lat-lerp --month "$$months" "$$path" "$$after_path" | stage SAMPLE | stage DECODE | gzip -n -6 > "$$output"
if [ -n "$$real_path" ]; then
	step judge lat2nii --grid-only --unit -o "$$work/real.nii" "$$real_path"
	step judge lat2nii --grid-only --unit -o "$$work/before.nii" "$$path"
	step judge lat2nii --grid-only --unit -o "$$work/after.nii" "$$after_path"
	step judge nii-score --range 1 --mask brain "$$work/real.nii" "$$output" "$$work/before.nii" "$$work/after.nii" > "$$work/scores"
	while read -r name number; do score "$$name" "$$number"; done < <(awk -F '\t' '
		BEGIN { split(",,_before,_after", of, ",") }
		NR > 1 { print "ssim_brain" of[NR], $$3; print "mse_brain" of[NR], $$5 }' "$$work/scores")
fi
endef

interpolate:
	+@[[ $$MONTH =~ ^([0-9]+([.][0-9]*)?)?$$ ]] || { echo "interpolate: MONTH=$$MONTH: no number of months" >&2; exit 2; }
	$(CODES)
	$(EACH)
HERE := $(subst interpolate.mk,,$(MAKEFILE_LIST))
include $(subst $() ,\ ,$(HERE))codes.mk
include $(subst $() ,\ ,$(HERE))subjects.mk
