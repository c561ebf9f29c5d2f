# A variable on the command line that nothing reads is probably misspelt (STEP=5), and the run would not be the one that was asked for. So
# it is an error, and the message names the most similar variable. One that only other pipelines have (NATIVE=1, of interpolate) gets a
# warning, so that one command line may serve several pipelines. Included last; the pipeline's own variables are those in WORDS, OPTIONS,
# STAGES and KNOWN.
ANYWHERE := V Q BUILD CC CFLAGS CPPFLAGS LDFLAGS OPT SANITIZE prefix DESTDIR SHELL PATH TMPDIR LANG LC_ALL \
	OMP_NUM_THREADS OMP_WAIT_POLICY OPENBLAS_CORETYPE LATPIPE_ARCH LATPIPE_MODELS LATPIPE_SHARED
given    := $(foreach v,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $v))),$v))
own      := $(WORDS) $(OPTIONS) $(STAGES) $(KNOWN)
unknown  := $(sort $(filter-out $(own) $(ANYWHERE),$(given)))
ifneq ($(unknown),)
folder   := '$(subst ','\'',$(HERE))'
of_all   := $(shell sed -n 's/^\(WORDS\|OPTIONS\|STAGES\|KNOWN\) *[:+]*= *//p' $(folder)*.mk)
name     := $(or $(NAME),$(basename $(notdir $(firstword $(MAKEFILE_LIST)))))
others   := $(filter $(of_all),$(unknown))
slip     := $(firstword $(filter-out $(of_all),$(unknown)))
$(if $(others),$(warning $(name): $(others:%=%=): read by other pipelines, not by this one))
nearest  := $(if $(slip),$(shell awk -f $(folder)nearest.awk '$(subst ','\'',$(slip))' $(own)))
$(if $(slip),$(error $(name): $(slip)=: no such variable; $(if $(nearest),is $(nearest)= meant?,there are $(sort $(own)))))
endif
