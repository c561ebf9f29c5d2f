# Finds out which weights MODEL has, by lat-model, for pipelines that leave out the parts that it lacks weights for.
lat_model = PATH=$(call quoted,$(PATH)) lat-model -- $(call quoted,$(MODEL)) | LC_ALL=C
kinds    := $(shell $(lat_model) awk -F '\t' 'NR > 1 { print $$1 }')
# the folder of the semantic encoder, where probes of its codes lie
folder   := $(shell $(lat_model) sed -n 's|^semantic\t.*\t\(.*\)/[^/]*$$|\1|p')
# files to depend on; a name with blanks can be none
files    := $(shell $(lat_model) awk -F '\t' 'NR > 1 && $$3 !~ / / { print $$1 "=" $$3 }')
file_of   = $(patsubst $(1)=%,%,$(filter $(1)=%,$(files)))
# $(call has,KIND)
has       = $(filter $(1),$(kinds))
# codes, and a diffusion model that is steered by them
guided   := $(and $(call has,semantic),$(call has,shift_unet))
# a diffusion model that can be used with what else is there
denoiser := $(or $(guided),$(if $(call has,shift_unet),,$(call has,unet)))
missing  := $(if $(denoiser),,no diffusion model$(if $(guided),, and)) $(if $(guided),,no semantic encoder with a shift U-Net)
