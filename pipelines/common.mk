# Every pipeline includes this file first. It sets the shell of recipes and one locale, and keeps the user's words from being evaluated.
#
# In the C locale, numbers have a decimal point and names have one order, whoever runs a pipeline: in a locale with a decimal comma, sort
# and awk would read 5.19 as 5.
#
# WORDS (set before this file is included) are the variables that hold a user's words: paths, names, numbers. Neither make nor a shell
# interprets them: they are taken literally (a dollar sign is written once or, as usual in make, twice), and recipes find them in the
# environment, as "$$NAME". $(call quoted,TEXT) quotes a word for $(shell), which does not see exported variables.
#
# HERE is the folder of the pipelines. Each pipeline sets it before its first include: HERE := $(subst NAME.mk,,$(MAKEFILE_LIST)).
SHELL      := /bin/bash
.SHELLFLAGS := -e -o pipefail -c
.ONESHELL:
override export LC_ALL := C

from_outside = $(filter command environment,$(firstword $(origin $(1))))
literal = $(if $(filter command,$(call from_outside,$(1))),$(subst $$$$,$$,$(value $(1))),$(value $(1)))
$(foreach w,$(WORDS),$(if $(call from_outside,$w),$(eval override $w := $$(call literal,$w))))
export $(foreach w,$(WORDS),$(if $(filter undefined,$(origin $w)),,$w))
quoted = '$(subst ','\'',$(1))'

override HERE := $(if $(filter /%,$(HERE)),,$(CURDIR)/)$(HERE)
# the tools are found by PATH, else where this file was installed or built
override PATH := $(value PATH):$(HERE)../../../bin:$(HERE)../build
export HERE PATH

# $(call plain,NAMES): for pipelines whose recipes hold words of the user's themselves: refused is what would be more than a word there
plain = $(foreach v,$(1),$(if $(shell printf %s $(call quoted,$($v)) | tr '\n' '!' | LC_ALL=C tr -d 'A-Za-z0-9._+=,/@\200-\377 -'),$(error $v=$($v): only letters, digits and . _ + - = , / @ can stand here, and blanks between words)))
# $(call one_word,NAMES): without blanks
one_word = $(foreach v,$(1),$(if $(word 2,$($v)),$(error $v=$($v): no blanks can stand here)))
