# Measures how well a column of a table is predicted from semantic codes, and fits a probe for new scans:
#
#   scan -- ENCODE -- x -- SEM -- y: sub-X..._desc-probe_T1w.lat --.-- linprobe cv -- TARGET-cv.tsv, TARGET-predictions.tsv, .json
#                                                 participants.tsv '-- linprobe fit -- TARGET.safetensors
#
#   make -f pipelines/probe.mk BIDS=study OUT=folder TARGET=age [LABELS=study/participants.tsv] [POSITIVE=AD] [PROBING='--balance'] ...
#
# TARGET: a column of LABELS; with POSITIVE, that value against the others. PROBING: further options of linprobe(1), for both steps. Scores
# are cross-validated over subjects; the probe is fitted on all of them. Scans that could not be encoded are listed in failed.tsv and left
# out.
NAME   := probe
EXT    := .lat
ENCODE  = nii2lat -m "$$MODEL" --grid-only --id "$$id" "$$path"
SEM     = sem-encode -m "$$MODEL"
STAGES := ENCODE SEM
WORDS  := TARGET LABELS POSITIVE PROBING

define UNITS
LABELS=$${LABELS:-$${BIDS:+$$BIDS/participants.tsv}}
[[ $$LABELS != -* ]] || LABELS=./$$LABELS
[ -n "$$TARGET" ] || die 'TARGET=column says what to predict'
[ -f "$$LABELS" ] || die "$$LABELS: no such table; LABELS=file names the one with the column $$TARGET"
tr '\r' '\n' < "$$LABELS" | sed -n '1s/^\xef\xbb\xbf//; 1p' | tr '\t' '\n' | grep -x -F -e "$$TARGET" > /dev/null || die "$$LABELS: has no column $$TARGET"
cat
endef

define PIPE
stage ENCODE | stage SEM | lat-cut -n y > "$$output"
endef

define PLAN
nii2lat -m "$$MODEL" --plan "$$path"
nii2lat -q -m "$$MODEL" --grid-only "$$path" | sem-encode -m "$$MODEL" --plan
endef

probe:
	$(EACH) || { failed=$$?; [ $$failed -eq 2 ] || exit $$failed; }
	[ $(SUBJECTS_MODE) = run ] || exit 0
	out=$$(realpath -- "$$OUT")
	read -r -a probing <<< "$$PROBING"
	probing+=(--labels "$${LABELS:-$$BIDS/participants.tsv}" --target "$$TARGET" $${POSITIVE:+--positive "$$POSITIVE"} -f)
	codes() { xargs -d '\n' cat < "$$out/logs/probe-outputs.txt"; }
	codes | linprobe cv "$${probing[@]}" --predictions "$$out/$$TARGET-predictions.tsv" -o "$$out/$$TARGET-cv.tsv"
	dictionary=$$out/$$TARGET-predictions
	sed 1q "$$dictionary.tsv" | jq -R --arg target "$$TARGET" --arg positive "$$POSITIVE" -f "$${HERE}probe/predictions.jq" > "$$dictionary.json"
	codes | linprobe fit -q "$${probing[@]}" -o "$$out/$$TARGET.safetensors"
	cat "$$out/$$TARGET-cv.tsv"
	exit $${failed:-0}
HERE := $(subst probe.mk,,$(MAKEFILE_LIST))
include $(subst $() ,\ ,$(HERE))subjects.mk
