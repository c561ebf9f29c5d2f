# Round trips: z -> zT -> z -> scan, by solver and calls of the network each way; and how zT is distributed.
TRIPS      ?= ddim-10 ddim-20 ddim-50 ddim-100 dpmpp2m-5 dpmpp2m-10 dpmpp2m-20
# of TEST studies
TEST_TRIPS ?= dpmpp2m-10
# the way that the other parts go
WAY        ?= dpmpp2m-20
# what a round trip may cost of the autoencoder's SSIM in the brain
BOUNDS     ?= ddim-100=.005 dpmpp2m-10=.004

trips_of = $(if $(filter validation,$(1)),$(TRIPS),$(TEST_TRIPS))
# $(call solver,SOLVER-STEPS): lat-denoise's options
solver   = -m "$$MODEL" --solver $(firstword $(subst -, ,$(1))) -s $(lastword $(subst -, ,$(1)))
# $(call rms,STREAM,TENSOR): root of the mean square over all records
rms      = $$(lat-info --stats $(1) | awk -F '\t' '$$3 == "$(2)" { sum += $$11 ^ 2 + $$12 ^ 2; n++ } END { print sqrt(sum / n) }')

# Set $(1): the autoencoder's row, and one for each trip; a trip's row ends with its error in z and the rms of zT
define set_trips
	cut -f 1,3,4 $(OUT)/$(1)/autoencoder.tsv | awk -F '\t' '{ printf "| %s (%d) | autoencoder alone | 0 | %.4f | | | | |\n", $$1, $$2, $$3 }'
	for trip in $(call trips_of,$(1)); do
		bound=$$(echo '$(BOUNDS)' | tr ' ' '\n' | sed -n "s/^$$trip=//p")
		paste $(OUT)/$(1)/$$trip.tsv $(OUT)/$(1)/autoencoder.tsv | awk -F '\t' -v bound="$$bound" '{ split($$2, way, "-")
			less = $$15 - $$4
			verdict = bound == "" ? "" : bound ": " (less <= bound ? "holds" : "falls short")
			printf "| %s (%d) | %s | %d | %.4f | %.4f | %s | %.4f | %.3f |\n", $$1, $$3, way[1], way[2], $$4, less, verdict, $$10, $$11 }'
	done
endef

$(OUT)/trips.md: $(foreach s,$(sets),$(OUT)/$s/autoencoder.tsv $(patsubst %,$(OUT)/$s/%.tsv,$(call trips_of,$s)))
$(OUT)/trips.md: $(foreach s,train $(sets),$(OUT)/$s/$(WAY).zT.lat) always
	@{
		echo '## To noise and back'
		echo
		echo 'z -> zT -> z -> scan. Calls: of the network, each way. Error in z: rms of the difference by rms of z.'
		echo
		echo '| scans | solver | calls | SSIM in the brain (11) | less than the autoencoder alone | at most | error in z | rms of zT |'
		echo '|---|---|---|---|---|---|---|---|'
		$(foreach s,$(sets),$(call set_trips,$s)
		)
		echo
		echo '| scans | rms of zT ($(WAY)) |'
		echo '|---|---|'
		for set in train $(sets); do
			codes=$(OUT)/$$set/$(WAY).zT.lat
			n=$$(lat-info $$codes | cut -f 3 | grep -cx zT)
			awk -v set=$$set -v n=$$n -v zT=$(call rms,$$codes,zT) 'BEGIN {
				printf "| %s (%d) | %.3f%s |\n", set, n, zT, (zT < .95 || zT > 1.05 ? ": outside .95..1.05" : "") }'
		done
	} > $@

define TRIP
$(OUT)/%/$(1).zT.lat: $(OUT)/%/codes.lat
	@lat-denoise --invert $$(call solver,$(1)) $$< > $$@

$(OUT)/%/$(1).tsv: $(OUT)/%/$(1).zT.lat $(OUT)/%/truth.txt
	@lat-denoise $$(call solver,$(1)) $$< > $$(@D)/$(1).lat
	$$(call scored,$(1),lat2nii -m "$$$$MODEL" --unit $$(@D)/$(1).lat,$(1))
	{ lat-diff <(lat-cut -n z $$<) <(lat-cut -n z $$(@D)/$(1).lat) || test $$$$? = 1; } > $$(@D)/$(1)-z.tsv
	error=$$$$(awk -F '\t' -v z=$$(call rms,$$<,z) 'NR > 1 { sum += $$$$5 ^ 2 } END { print sqrt(sum / (NR - 1)) / z }' $$(@D)/$(1)-z.tsv)
	sed -i "s/$$$$/\t$$$$error\t$$(call rms,$$<,zT)/" $$@
endef
$(foreach t,$(sort $(TRIPS) $(TEST_TRIPS) $(WAY)),$(eval $(call TRIP,$t)))
