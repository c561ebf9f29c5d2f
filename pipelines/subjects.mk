# What the pipelines over subjects share: a list of scans in, one job for each, a BIDS derivative out.
#
#   BIDS= or FILES= -- bids-scans --> units: a line for each scan -- GNU parallel --> job, one pipe a unit
#       --> OUT/sub-X[/ses-Y]/anat/sub-X..._desc-NAME_T1w.EXT and .json (the sidecar), failed.tsv, a summary
#
# For who runs one:
#   BIDS=folder | FILES=list.txt   a BIDS dataset, or a list of scans, a path a line
#   OUT=folder                     where the derivative goes
#   SUBJECTS='01 02' SESSIONS=...  these alone
#   WHICH=acq-mprage               of several T1w scans those with these entities; unset: the best of each session (bids-scans)
#   MODEL=brain3mm                 name or folder of the model
#   JOBS= THREADS=                 jobs at once and threads of each; unset: the cores are full once, as far as memory goes
#   SSHLOGIN=host,host             jobs go to these hosts, too (":" is this one); they see the same folders, see parallel(1). One that does
#                                  not answer is left out, what it has lost goes to the others
#   make ... slurm                 prints a script for sbatch(1), an array of the same jobs. make -n: what would be done. make help
#   ARRAY=1000                     most tasks of such an array, among which the units are shared out; unset: what the cluster allows
# What is done is not done again: a sidecar that agrees with the scan's content, the weights' identities, the stages' commands and the
# version decides. A unit that fails stops no other; failed.tsv names it, and make ends with 2. logs/NAME.tsv is parallel's log of the jobs,
# logs/NAME-outputs.txt lists what is there; pictures that a failed unit has drawn are in logs/, too; what was made of it before is in stale/.
#
# For who writes one: set these, include this file, and give `NAME: ; $(EACH)` as the rule. They are the pipeline's own: none comes from the
# environment.
#   NAME    the pipeline, and desc-NAME of what it makes
#   EXT     of what it makes (.nii.gz)
#   STAGES  the variables that hold its stages' commands, set by `=`, so that a command is given to make and never comes from the
#           environment. Words in a command like "$$MODEL" are left to the job's shell
#   OPTIONS the variables that hold words of the user's for commands and PIPE, which are for the shell, too: "$$STEPS"
#   PIPE    (define) bash that makes the file "$$output" of a unit, under pipefail. In it:
#             stage NAME               runs the command of that variable, in a pipe: its failure is told under its name
#             step NAME COMMAND...     the same for a fixed command
#             score NAME NUMBER        goes into the sidecar and into OUT/desc-NAME_scores.tsv
#             extra FILE SUFFIX        another output: OUT/.../sub-X..._desc-NAME_SUFFIX
#           $$work is a folder that goes away; $$id $$participant_id $$session_id $$months $$path are the unit's columns ("" for n/a)
#   UNITS   a filter from the table of scans (columns id participant_id session_id months path reason) to a table of units; columns may
#           be added. Files are in columns path and *_path: their content counts in deciding what is done (cat)
#   SCANS   `no` for a pipeline that makes units of nothing (UNITS reads an empty table)
#   BEFORE  the pipeline whose failures on the same OUT count here, too (codes.mk sets it)
#   WORDS   its variables beside those above, for who runs it; OPTIONS: those that its commands read. Others are refused (known.mk)
#   PLAN    bash that prints the tools' --plan for the unit, to bound the jobs by memory. May be empty
MODEL ?= brain3mm
WORDS += BIDS FILES OUT SUBJECTS SESSIONS WHICH MODEL JOBS THREADS SSHLOGIN ARRAY $(OPTIONS)
include $(subst $() ,\ ,$(HERE))common.mk

INNER := NAME EXT STAGES OPTIONS PIPE UNITS SCANS PLAN BEFORE
$(foreach v,$(INNER),$(if $(filter environment,$(origin $v)),$(eval override $v :=)))
$(foreach v,$(filter-out PLAN,$(INNER)),$(if $(call from_outside,$v),$(error $v=: is the pipeline's own)))
override EXT := $(or $(EXT),.nii.gz)
ifeq ($(value UNITS),)
override UNITS := cat
endif
export $(WORDS) $(INNER) $(STAGES)

SUBJECTS_MODE = $(if $(findstring n,$(firstword -$(MAKEFLAGS))),show,run)
EACH = +@bash "$${HERE}subjects.sh" $(SUBJECTS_MODE)

slurm:
	+@bash "$${HERE}subjects.sh" slurm

# The comments that open the pipeline and this file
help:
	@sed '/^#/!Q; s/^# \{0,1\}//' "$$HERE$$NAME.mk"
	sed -n '/^# For who runs/,/^#$$/s/^# \{0,1\}//p' "$${HERE}subjects.mk"

.PHONY: $(NAME) slurm help

KNOWN += PLAN
include $(subst $() ,\ ,$(HERE))known.mk
