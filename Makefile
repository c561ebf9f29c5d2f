# latpipe: Latent Diffusion Autoencoders for brain MRI, as Unix tools. `make help` lists what can be made.

VERSION := 0.2.0
RELEASED := November 23, 2026
BUILD   ?= build
prefix  ?= /usr/local
OPT     ?= -O2 -g
SANITIZE ?=
SHELL   := /bin/bash
.SHELLFLAGS := -o pipefail -c
Q       := $(if $(V),,@)
ifeq ($(origin CC),default)
CC      := gcc
endif

TRIPLET  := $(shell $(CC) -print-multiarch)

CPPFLAGS += -Ilib -D_GNU_SOURCE -DLATPIPE_VERSION='"$(VERSION)"' -I/usr/include/nifti -I/usr/include/$(TRIPLET)/openblas-openmp
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror=incompatible-pointer-types
# the folder's name stays out of the binaries: the same source gives the same bytes wherever it is built
CFLAGS   += -std=gnu11 $(OPT) $(WARNINGS) -fopenmp $(SANITIZE) '-ffile-prefix-map=$(CURDIR)=.' -MMD -MP

LIBS_base   := -lnettle -lz -lm
LIBS_cli    := -ljansson
LIBS_format := -ljansson -lzstd -lz
LIBS_volume := -ljansson -lpng -lm
LIBS_nii    := -lnifti2 -lznz -lz
LIBS_nn     := -lm
LIBS_simulate := -lfftw3 -lm
LIBS_model  := -ljansson
LIBS_probe  := -ljansson -lm
LIBS_diffusion := -lm
LIBS_baseline := -lm
LIBS_realism := -lm
LIBS_train  := -ljansson -lpng -lm

# The architecture: tool, and the parts of lib it uses, high floors first
USES_bids-scans := cli nii volume format base
USES_bids-cohort := cli simulate nii volume format base
USES_lat-model := cli model nn format base
USES_lat-baseline := cli baseline format base
USES_lat-learnable := cli baseline diffusion model nn volume format base
USES_lat-check := cli format base
USES_lat-cut := cli format base
USES_lat-denoise := cli diffusion model nn volume format base
USES_lat-diff := cli format base
USES_lat-realism := cli realism baseline nn volume format base
USES_lat-steer := cli probe model format base
USES_lat-lerp := cli diffusion format base
USES_lat-host := cli format base
USES_lat-info := cli format base
USES_lat2nii := cli model nn nii volume format base
USES_lat2npy := cli format base
USES_lat2tsv := cli format base
USES_linprobe := cli probe model format base
USES_pt2st := cli model nn format base
USES_npy2lat := cli format base
USES_nii-judge := cli model nii volume format base
USES_nii-mean := cli format nii volume base
USES_nii-score := cli format nii volume base
USES_nii-simulate := cli simulate nii volume format base
USES_nii-volumes := cli simulate nii volume format base
USES_tsv-mean := cli probe format base
USES_train-ae := cli train baseline model nn nii volume format base
USES_train-ldm := cli train baseline diffusion model nn nii volume format base
USES_train-sem := cli train baseline probe diffusion model nn nii volume format base
USES_nii2lat := cli model nn nii volume format base
USES_sem-encode := cli model nn volume format base
USES_nii-mask := cli format nii volume base
USES_nii-transform := cli nii volume base
USES_nii2png := cli format nii volume base

PARTS := cli train realism baseline probe diffusion model nn simulate nii volume format base
TOOLS := $(sort $(patsubst tools/%.c,%,$(wildcard tools/*.c)))

all: $(TOOLS:%=$(BUILD)/%) $(PARTS:%=$(BUILD)/lib%.a)	## the tools, in build/ (the default)

define PART
OBJ_$(1) := $$(patsubst %.c,$(BUILD)/%.o,$$(sort $$(filter-out lib/nn/kernels/%,$$(wildcard lib/$(1)/*.c lib/$(1)/*/*.c))))
$(BUILD)/lib$(1).a: $$(OBJ_$(1)) ; @rm -f $$@ && ar rcsD $$@ $$^
-include $$(OBJ_$(1):.o=.d)
endef
$(foreach p,$(PARTS),$(eval $(call PART,$(p))))

# Kernels: each source compiled for each instruction-set level; lib/nn/kernels/dispatch.c chooses at run time
LEVELS := $(if $(findstring x86_64,$(TRIPLET)),v2 v3 v4,base)
MARCH_v2 := -march=x86-64-v2
MARCH_v3 := -march=x86-64-v3
MARCH_v4 := -march=x86-64-v4
LEVEL_SOURCES := kernels channels product
LEVEL_KERNELS := $(foreach s,$(LEVEL_SOURCES),$(LEVELS:%=$(BUILD)/lib/nn/kernels/$(s)_%.o))
AMX_SOURCES := product axis
AMX_KERNELS := $(if $(findstring x86_64,$(TRIPLET)),$(AMX_SOURCES:%=$(BUILD)/lib/nn/kernels/%_amx.o))
$(foreach s,$(AMX_SOURCES),$(eval CFLAGS_lib/nn/kernels/$(s)_amx := $(if $(SANITIZE),,-O3) -march=x86-64-v4 -mavx512bf16 -mamx-tile -mamx-bf16))
KERNELS := $(LEVEL_KERNELS) $(AMX_KERNELS) $(BUILD)/lib/nn/kernels/dispatch.o
define LEVEL_SOURCE
$(LEVELS:%=$(BUILD)/lib/nn/kernels/$(1)_%.o): $(BUILD)/lib/nn/kernels/$(1)_%.o: lib/nn/kernels/$(1).c $(BUILD)/flags
	@mkdir -p $$(@D); echo '  CC   $$< ($$*)'
	$$(Q)$$(CC) $$(CPPFLAGS) $$(CFLAGS) $$(if $$(SANITIZE),,-O3) -ffp-contract=fast -fno-math-errno -fno-trapping-math -Wno-psabi $$(MARCH_$$*) -DLEVEL=$$* -c -o $$@ $$<
endef
$(foreach s,$(LEVEL_SOURCES),$(eval $(call LEVEL_SOURCE,$(s))))
-include $(KERNELS:.o=.d)
$(BUILD)/libnn.a: $(KERNELS)

define TOOL
$(BUILD)/$(1): $(BUILD)/tools/$(1).o $$(USES_$(1):%=$(BUILD)/lib%.a)
	@echo '  LINK $$@'
	$$(Q)$$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$< $$(USES_$(1):%=$(BUILD)/lib%.a) $$(foreach p,$$(USES_$(1)),$$(LIBS_$$(p)))
-include $(BUILD)/tools/$(1).d
endef
$(foreach t,$(TOOLS),$(eval $(call TOOL,$(t))))

# what is done to every weight: by vectors
$(foreach o,adam ema optimiser,$(eval CFLAGS_lib/train/$(o) := $(if $(SANITIZE),,-O3 -fno-math-errno)))
CFLAGS_lib/format/finite := $(if $(SANITIZE),,-O3)
CFLAGS_lib/base/blas := -DBLAS_LIBRARY='"/usr/lib/$(TRIPLET)/openblas-openmp/libopenblas.so.0"'

# An object may have flags of its own: CFLAGS_lib/part/name
$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D); echo '  CC   $<'
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(CFLAGS_$*) -c -o $@ $<

# Changes when the compiler or its flags do, so that everything is compiled anew
FLAGS := $(subst ','\'',$(CC) $(CPPFLAGS) $(CFLAGS))
$(BUILD)/flags: always
	@mkdir -p $(@D); echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' > $@

include tests/tests.mk man/man.mk

deps:	## install what is missing (Debian; asks sudo -n when not root)
	@.ci/deps

demo:	## a real scan through the pipe: sizes, scores and pictures (also installs what is missing)
	@.ci/deps
	@$(MAKE) --no-print-directory all
	@PATH="$(abspath $(BUILD)):$$PATH" $(MAKE) --no-print-directory -f pipelines/demo.mk OUT=$(BUILD)/demo

PIPELINES := $(filter-out codes common demo known model scans subjects,$(patsubst pipelines/%.mk,%,$(wildcard pipelines/*.mk)))
$(PIPELINES): all	# make NAME VARIABLE=..: the pipeline of this name with the tools in build/; make -f pipelines/NAME.mk help
	+@PATH="$(abspath $(BUILD)):$$PATH" $(MAKE) --no-print-directory -f pipelines/$@.mk
prepare:	## BIDS= OUT=: raw scans to brains in MNI space
reconstruct:	## BIDS= OUT=: scans to codes and back, as a BIDS derivative with scores
interpolate:	## BIDS= OUT= MONTH=: the visit between two visits
manipulate:	## BIDS= OUT= PROBE=: scans with more or less of what a probe tells
generate:	## OUT= COUNT=: synthetic brains
missing:	## BIDS= OUT= DSEG=: how well a visit that was missed is made from its neighbours
compare:	## BIDS= OUT= TARGETS= DSEG=: what probes read from the codes, beside volumes and principal components
probe:	## BIDS= OUT= TARGET=: what the semantic codes know, and a probe
evaluate:	## DATA= TEST= LABELS= OUT=: how good a model is, as OUT/RESULTS.md (pipelines/evaluate.mk)

completions := share/bash-completion/completions
install: all $(BUILD)/latpipe.bash	## DESTDIR= prefix=: tools, man pages, models, pipelines, completion, an example of a reader, file(1) magic
	install -d $(DESTDIR)$(prefix)/bin $(DESTDIR)$(prefix)/share/latpipe
	install -m 755 $(TOOLS:%=$(BUILD)/%) $(DESTDIR)$(prefix)/bin
	for p in $(PAGES); do install -D -m 644 -t $(DESTDIR)$(prefix)/share/man/man$${p##*.} $$p || exit 1; done
	for d in models pipelines; do test ! -d $$d || find $$d -type f ! -name '.*' -exec install -D -m 644 {} $(DESTDIR)$(prefix)/share/latpipe/{} ';'; done
	install -D -m 644 $(BUILD)/latpipe.bash $(DESTDIR)$(prefix)/$(completions)/latpipe
	for t in $(TOOLS); do ln -sf latpipe $(DESTDIR)$(prefix)/$(completions)/$$t || exit 1; done
	install -D -m 644 -t $(DESTDIR)$(prefix)/share/doc/latpipe/examples tests/interop/lat.py
	test ! -f formats/magic || install -m 644 formats/magic $(DESTDIR)$(prefix)/share/latpipe/magic

uninstall:	## remove what install put there
	rm -f $(TOOLS:%=$(DESTDIR)$(prefix)/bin/%)
	for p in $(PAGES); do rm -f $(DESTDIR)$(prefix)/share/man/man$${p##*.}/$${p##*/}; done
	rm -f $(TOOLS:%=$(DESTDIR)$(prefix)/$(completions)/%) $(DESTDIR)$(prefix)/$(completions)/latpipe
	rm -rf $(DESTDIR)$(prefix)/share/latpipe $(DESTDIR)$(prefix)/share/doc/latpipe

dist:	## the committed source as build/latpipe-VERSION.tar.gz
	@mkdir -p $(BUILD)
	git archive --prefix=latpipe-$(VERSION)/ HEAD | gzip -n > $(BUILD)/latpipe-$(VERSION).tar.gz

# The version and its day are the Makefile's: the package's changelog is written from them
deb: dist	## the committed source as Debian packages, build/deb/latpipe*.deb (needs debhelper)
	rm -rf $(BUILD)/deb && mkdir -p $(BUILD)/deb
	tar -xzf $(BUILD)/latpipe-$(VERSION).tar.gz -C $(BUILD)/deb
	printf 'latpipe (%s) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- %s  %s\n' $(VERSION) \
		"$$(sed -n 's/^Maintainer: //p' debian/control)" "$$(LC_ALL=C date -u -R -d '$(RELEASED)')" > $(BUILD)/deb/latpipe-$(VERSION)/debian/changelog
	cd $(BUILD)/deb/latpipe-$(VERSION) && env -u MAKEFLAGS -u BUILD -u prefix dpkg-buildpackage -b -us -uc
	ls $(BUILD)/deb/*.deb

lint:	## cppcheck, layout (tabs, width), shell scripts' syntax
	cppcheck --quiet --inline-suppr --error-exitcode=1 --enable=warning,performance,portability --std=c11 -Ilib -D_GNU_SOURCE \
		--include=/usr/include/jansson.h --suppress='*:/usr/include/*' --suppress=missingIncludeSystem -D'_Noreturn=__attribute__((noreturn))' \
		--suppress=ctunullpointer --suppress=ctuuninitvar --suppress=invalidPointerCast --suppress=memleakOnRealloc --suppress=memleak:lib/nn/channel_sums.c lib tools man/page.c
	! grep -nE '^ +[^ *]|[ 	]$$' $$(git ls-files '*.[ch]')
	! { for f in $$(git ls-files '*.[ch]'); do expand $$f | grep -nE '^.{141}' | sed "s|^|$$f:|"; done; true; } | grep .
	for s in .ci/* tests/run tests/*.sh tests/{cli,long}/*.sh pipelines/*.sh pipelines/prepare/{elastix.sh,extract,judge,register} pipelines/train/{displacements,warps} pipelines/simulate/{shape,tables,units} pipelines/missing/{tables,units} pipelines/volumes/carry pipelines/compare/tables; do bash -n $$s || exit 1; done

help:	## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r t what; do printf '  make %-12s %s\n' "$$t" "$$what"; done

clean:	## remove build/ and the other build folders
	rm -rf $(BUILD) build-asan build-fuzz

.PHONY: all $(PIPELINES) deps demo install uninstall dist deb lint help clean always
.SECONDARY:
.DELETE_ON_ERROR:
