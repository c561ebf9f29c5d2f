# latpipe: Latent Diffusion Autoencoders for brain MRI, as Unix tools.
# The table below is the architecture: which tool uses which part of lib, low floors last.

VERSION := 0.1.0
BUILD   ?= build
prefix  ?= /usr/local
ifeq ($(origin CC),default)
CC      := gcc
endif
OPT     ?= -O2 -g
SHELL   := /bin/bash
.SHELLFLAGS := -o pipefail -c

TRIPLET  := $(shell $(CC) -print-multiarch)
BLAS_DIR := /usr/lib/$(TRIPLET)/openblas-openmp

CPPFLAGS += -Ilib -I$(BUILD) -D_GNU_SOURCE -DLATPIPE_VERSION='"$(VERSION)"' -I/usr/include/nifti -I/usr/include/$(TRIPLET)/openblas-openmp
CFLAGS   += -std=gnu11 $(OPT) -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -fopenmp -MMD -MP

LIBS_base   := -lnettle -lz -lm
LIBS_cli    := -ljansson
LIBS_format := -ljansson -lzstd -lz
LIBS_volume := -lm
LIBS_nii    := -lnifti2 -lznz -lz
LIBS_nn     := -L$(BLAS_DIR) -Wl,-rpath,$(BLAS_DIR) -lopenblas -lgomp -lm
LIBS_model  := -ljansson
LIBS_train  := -ljansson -lpng

# tool: the parts of lib it uses, high floors first
USES_lat-info := cli format base

PARTS := base cli format volume nii nn model train
TOOLS := $(patsubst tools/%.c,%,$(wildcard tools/*.c))

all: $(TOOLS:%=$(BUILD)/%)

define PART
OBJ_$(1) := $$(patsubst %.c,$(BUILD)/%.o,$$(wildcard lib/$(1)/*.c))
$(BUILD)/lib$(1).a: $$(OBJ_$(1)) ; rm -f $$@ && ar rcs $$@ $$^
-include $$(OBJ_$(1):.o=.d)
endef
$(foreach p,$(PARTS),$(eval $(call PART,$(p))))

define TOOL
$(BUILD)/$(1): $(BUILD)/tools/$(1).o $$(USES_$(1):%=$(BUILD)/lib%.a)
	$$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$< $$(USES_$(1):%=$(BUILD)/lib%.a) $$(foreach p,$$(USES_$(1)),$$(LIBS_$$(p)))
-include $(BUILD)/tools/$(1).d
endef
$(foreach t,$(TOOLS),$(eval $(call TOOL,$(t))))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

clean: ; rm -rf $(BUILD)
.PHONY: all clean
.SECONDARY:
