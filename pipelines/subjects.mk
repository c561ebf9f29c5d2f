# The common part of all pipelines over subjects: it takes a list of scans, runs one job for each, and writes a BIDS derivative.
#
#   BIDS= or FILES= -- bids-scans --> units: a line for each scan -- GNU parallel --> job, one pipe a unit
#       --> OUT/sub-X[/ses-Y]/anat/sub-X..._desc-NAME_T1w.EXT and .json (the sidecar), failed.tsv, a summary
#
# For users of a pipeline:
#   BIDS=folder | FILES=list.txt   a BIDS dataset, or a list of scans, one path per line
#   OUT=folder                     where the derivative goes
#   SUBJECTS='01 02' SESSIONS=...  only these subjects and sessions
#   WHICH=acq-mprage               of several T1w scans those with these entities; unset: the best of each session (bids-scans)
#   MODEL=brain3mm                 name or folder of the model
#   JOBS= THREADS=                 number of jobs at a time, and threads of each; unset: one thread per core in all, as far as memory allows
#   SSHLOGIN=host,host             hosts that jobs run on (":" is this one), which must see the same folders; see parallel(1). A host
#                                  that does not answer is left out, and the jobs that it loses go to the others
#   make ... slurm                 prints a script for sbatch(1), an array of the same jobs. make -n: what would run. make help: this text
#   ARRAY=1000                     largest number of tasks in such an array, which share the units; unset: what the cluster allows
# A result is kept when its sidecar agrees with the scan's content, the weights' identities, the stages' commands and the version. A unit (a
# scan, a visit or a brain to make) that fails does not stop the others; failed.tsv lists it, and make exits with 2. logs/NAME.tsv is
# parallel's log of the jobs, and logs/NAME-outputs.txt lists the results; pictures that a failed unit has drawn are in logs/, too, and its
# older results in stale/.
#
# For authors of a pipeline: set these variables, include this file, and give `NAME: ; $(EACH)` as the rule. None of them is taken from the
# environment.
#   NAME    the pipeline's name, which its results have as desc-NAME
#   EXT     the ending of its results (.nii.gz)
#   STAGES  the variables that hold its stages' commands, set by `=`, so that a command is given to make and never comes from the
#           environment. Words in a command like "$$MODEL" are expanded by the job's shell
#   OPTIONS the variables that hold the user's words for commands and PIPE, which the job's shell expands, too: "$$STEPS"
#   PIPE    (define) bash that makes the file "$$output" of a unit, under pipefail. In it:
#             stage NAME               runs the command of that variable, in a pipe, and reports a failure under that name
#             step NAME COMMAND...     the same for a fixed command
#             score NAME NUMBER        goes into the sidecar and into OUT/desc-NAME_scores.tsv
#             extra FILE SUFFIX        another output: OUT/.../sub-X..._desc-NAME_SUFFIX
#           $$work is a temporary folder; $$id $$participant_id $$session_id $$months $$path are the unit's columns ("" for n/a)
#   UNITS   a filter from the table of scans (columns id participant_id session_id months path reason) to a table of units; columns may
#           be added. Files are in columns path and *_path; a result is made anew when their content changes (default: cat)
#   SCANS   `no` for a pipeline that needs no scans (UNITS then reads an empty table)
#   BEFORE  the pipeline whose failures on the same OUT count here, too (codes.mk sets it)
#   WORDS   its further variables for users; OPTIONS: those that its commands read. Others are refused (known.mk)
#   PLAN    bash that prints the tools' --plan for the unit, so that memory can limit the number of jobs. May be empty
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
	sed -n '/^# For users of/,/^#$$/s/^# \{0,1\}//p' "$${HERE}subjects.mk"

.PHONY: $(NAME) slurm help

KNOWN += PLAN
include $(subst $() ,\ ,$(HERE))known.mk
