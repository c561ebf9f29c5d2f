# What linear probes read from the semantic code, beside what they read from simpler codes of the same scans:
#
#   scan -- ENCODE -- x, z -- SEM -- y: sub-X..._desc-compare_T1w.lat --.-- each code -- linprobe cv, by subject --.-- compare.tsv, compare.md
#   label map -- nii-volumes --.                                       |                                           |
#                              '-- volumes as a code ------------------'   at one site, judged at another: fit, eval
#
#   make -f pipelines/compare.mk BIDS=study OUT=folder TARGETS='group=AD/CN age' [LABELS=table.tsv] [DSEG=folder] [SITE=column] ...
#
# TARGETS: columns to predict: age, a number; group=AD, a class against all others; group=AD/CN, against that one alone. LABELS: by default the
# study's participants.tsv; a column that the visits' tables have (sub-X_sessions.tsv) is taken from there. A subject's visits are in one fold
# together, and intervals are over subjects; the folds are drawn REPEATS times. Codes, of each record y: y, the semantic code; of DSEG, a
# folder of label maps sub-X[_ses-Y]..._dseg.nii.gz, each region of REGIONS by itself (hippocampus, tissue: the whole brain, ..) and labels,
# all labels' volumes; x-K and z-K, the first K principal components (COMPONENTS) of voxels and of latents, learned without labels from the
# first scan of each subject; shuffled, the semantic code with labels that are dealt out anew among the subjects, SHUFFLES times (mean, and in
# the place of the interval what 95 % of them lie between: what chance does); mean, for numbers: no code but the mean of the others.
# CODES: further ones, NAME=stream.lat ..., whose y is the code under the same ids: those of a supervised encoder, say.
# SITE: a column of LABELS: for each of its values also what a probe reads there that was fitted on all other sites. With FILES= a list of
# the scans of two studies and LABELS= a table of both, that is one study's probe in the other.
NAME       := compare
EXT        := .lat
TARGETS    ?= age
DSEG       ?=
REGIONS    ?= $(HERE)simulate/dlmuse.tsv
COMPONENTS ?= 10 35
REPEATS    ?= 10
SHUFFLES   ?= 20
SPLITS     ?= 5
ENCODE      = nii2lat -m "$$MODEL" --id "$$id" "$$path"
SEM         = sem-encode -m "$$MODEL"
STAGES     := ENCODE SEM
WORDS      := TARGETS LABELS DSEG REGIONS COMPONENTS REPEATS SHUFFLES SPLITS SITE CODES

define PIPE
stage ENCODE | stage SEM | lat-cut -n x,z,y > "$$output"
endef

define PLAN
nii2lat -q -m "$$MODEL" "$$path" | sem-encode -m "$$MODEL" > "$$work/plan.lat"
nii2lat -m "$$MODEL" --plan "$$path"
sem-encode -m "$$MODEL" --plan "$$work/plan.lat"
endef

compare:
	+@die() { echo "compare: $$1" >&2; exit 2; }
	LABELS=$${LABELS:-$${BIDS:+$$BIDS/participants.tsv}}
	[ -f "$$LABELS" ] || die "$$LABELS: no such table; LABELS=file names the one with the columns of TARGETS"
	[ -z "$$DSEG" ] || [ -d "$$DSEG" ] || die "DSEG=$$DSEG: no folder; it holds label maps, sub-X[_ses-Y]..._dseg.nii.gz"
	[[ "$$COMPONENTS $$REPEATS $$SHUFFLES $$SPLITS" =~ ^(' '*[1-9][0-9]*' '*)+$$ ]] || die 'COMPONENTS, REPEATS, SHUFFLES, SPLITS: whole numbers'
	export LABELS
	code=0
	$(subst +@,,$(EACH)) || { code=$$?; [ $$code -eq 2 ] || exit $$code; }
	[ $(SUBJECTS_MODE) != run ] || bash "$${HERE}compare/tables"
	exit $$code
HERE := $(subst compare.mk,,$(MAKEFILE_LIST))
include $(subst $() ,\ ,$(HERE))subjects.mk
