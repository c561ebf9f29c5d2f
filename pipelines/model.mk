# Which parts a model has, for pipelines that do what they can with it: MODEL as lat-model finds it.
model    := $(shell lat-model '$(MODEL)' | awk -F '\t' 'NR > 1 { print $$1 "=" $$3 }')
# $(call has,KIND): the file, if it is there
has       = $(patsubst $(1)=%,%,$(filter $(1)=%,$(model)))
# codes, and a diffusion model that is steered by them
guided   := $(and $(call has,semantic),$(call has,shift_unet))
# a diffusion model that can be used with what else is there
denoiser := $(or $(guided),$(if $(call has,shift_unet),,$(call has,unet)))
missing  := $(if $(denoiser),,no diffusion model$(if $(guided),, and)) $(if $(guided),,no semantic encoder with a shift U-Net)
