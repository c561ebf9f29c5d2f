# Each step of the method on a real scan: make -f pipelines/demo.mk [SCAN=scan.nii.gz] [OUT=demo] [MODEL=brain3mm]. The tools are found by
# PATH. The scan is by default the Colin27 brain from the Debian package mricron-data. Each part leaves a picture:
#
#   compress  scan -> z -> scan                      demo.png
#   invert    z, y -> zT -> z -> scan                inverted.png
#   alone     y and drawn noise -> scans             alone.png
#   generate  drawn noise -> a brain                 generated.png
#   between   from the scan to the generated brain   between.png
#   change    y moved along a probe of age           older.png
#
# Parts that the model has no weights for are left out, with a message. The probe is age.safetensors beside the model's weights.
SCAN  ?= /usr/share/mricron/templates/ch2bet.nii.gz
OUT   ?= demo
MODEL ?= brain3mm
# how the diffusion model is used: few calls
WAY   ?= -s 20
WORDS := SCAN OUT MODEL WAY
HERE  := $(subst demo.mk,,$(MAKEFILE_LIST))
include $(subst $() ,\ ,$(HERE))common.mk
include $(subst $() ,\ ,$(HERE))known.mk
include $(subst $() ,\ ,$(HERE))model.mk
.NOTPARALLEL:

probe := $(and $(guided),$(shell test ! -e $(call quoted,$(folder)/age.safetensors) || echo age))
parts := compress $(if $(denoiser),invert) $(if $(guided),alone) $(if $(denoiser),generate between) $(if $(probe),change)

demo: $(parts)
	@$(if $(strip $(missing)),echo; printf 'Some parts were left out for lack of weights in %s: it has %s.\n' "$$MODEL" '$(strip $(missing))')

# What each part begins with: it works in the folder OUT
define begin
	shown=$$OUT
	. "$${HERE}words.sh"
	absolute SCAN
	absolute MODEL
	probes=$(call quoted,$(folder))
	absolute probes
	[ -f "$$SCAN" ] || { echo "demo: $$SCAN: no such scan (Debian package mricron-data)" >&2; exit 2; }
	mkdir -p -- "$$OUT"
	cd -- "$$OUT"
	read -r -a way <<< "$$WAY"
	id=$${SCAN##*/}
	id=$${id%%.nii*}
	[[ $$id =~ ^[A-Za-z0-9_+-][A-Za-z0-9._+-]*$$ ]] || id=scan
	encode() { nii2lat -m "$$MODEL" --id "$$@"; }
	sem() { $(if $(guided),sem-encode -m "$$MODEL",cat) "$$@"; }
	carry() { lat-denoise -m "$$MODEL" "$${way[@]}" "$$@"; }
	decode() { lat2nii -m "$$MODEL" --unit -f -o "$$@"; }
	# scores REF SCAN...: in the brain; names without endings
	scores() {
		nii-score --mask brain "$${@/%/.nii.gz}" | awk -F '\t' '
			NR == 1 { print "  in the brain            SSIM      MSE" }
			NR > 1 { sub(/\.nii\.gz/, "", $$2); printf "  %-22s %5.3f  %.5f\n", $$2, $$3, $$5 }'
	}
	# picture NAME SCAN... [OPTION...]
	picture() {
		local name=$$1
		local -a scans=()
		shift
		while [ $$# -gt 0 ] && [[ $$1 != -* ]]; do scans+=("$$1.nii.gz"); shift; done
		nii2png -f "$$@" -o "$$name.png" "$${scans[@]}"
		echo "  picture: $$shown/$$name.png"
	}
endef

compress:
	@$(begin)
	echo "nii2lat $$SCAN | tee scan.lat | lat2nii"
	encode "$$id" "$$SCAN" | tee scan.lat | decode reconstruction.nii.gz
	lat-cut -n z scan.lat > latent.lat
	decode scan.nii.gz --grid-only scan.lat
	lat2nii -m "$$MODEL" --native -f -o native.nii.gz scan.lat
	lat-info latent.lat
	grid=$$(lat2nii --grid-only --unit scan.lat | wc -c) latent=$$(stat -c %s latent.lat)
	awk -v f=$$(stat -L -c %s -- "$$SCAN") -v g=$$grid -v l=$$latent 'BEGIN {
		printf "scan as stored (gzip)    %9d bytes\nvoxels on the grid (f32) %9d bytes\n", f, g
		printf "latent as stored         %9d bytes: 1/%.0f of the scan, 1/%.0f of the grid\n", l, f / l, g / l }'
	echo 'scores of the reconstruction on the whole grid, then inside the brain:'
	nii-score scan.nii.gz reconstruction.nii.gz
	nii-score --mask brain scan.nii.gz reconstruction.nii.gz | tail -n 1
	nii2png -f -o demo.png scan.nii.gz reconstruction.nii.gz
	echo "scan, reconstruction and difference: $$shown/demo.png"

invert: compress
	@$(begin)
	echo
	echo 'The scan is inverted to its codes and reconstructed from them:'
	echo '  $(if $(guided),sem-encode scan.lat | lat-denoise --invert,lat-denoise --invert scan.lat) | tee codes.lat | lat-denoise | lat2nii'
	sem scan.lat | carry --invert | tee codes.lat | carry | decode inverted.nii.gz
	scores scan reconstruction inverted
	picture inverted scan reconstruction inverted

alone: invert
	@$(begin)
	echo
	echo 'Scans generated from the semantic code y alone, with three different draws of the noise zT, and their mean:'
	echo '  lat-denoise --noise 1 --count 3 codes.lat | lat2nii'
	carry --noise 1 --count 3 codes.lat | decode '{id}.nii.gz'
	for i in 1 2 3; do mv -- "$${id}_var-00$$i.nii.gz" alone-$$i.nii.gz; done
	nii-mean -f -o alone-mean.nii.gz alone-[123].nii.gz
	scores scan alone-1 alone-2 alone-3 alone-mean
	picture alone scan alone-1 alone-2 alone-3 alone-mean --no-difference

generate: invert
	@$(begin)
	echo
	echo 'A synthetic brain, generated from noise alone:'
	echo '  lat-denoise --generate 1 | lat2nii'
	carry --generate 1 | decode generated.nii.gz
	picture generated generated

# A generated brain has no semantic code yet: it is encoded like any scan
between: generate
	@$(begin)
	echo
	echo 'Interpolation from the scan to the generated brain, which is first encoded like any scan:'
	echo '  lat-lerp -t 0:.25:1 codes.lat generated.lat | lat-denoise | lat2nii'
	encode generated generated.nii.gz | sem | carry --invert > generated.lat
	lat-lerp -t 0:.25:1 codes.lat generated.lat | carry | decode '{id}.nii.gz'
	series=()
	for i in 1 2 3 4 5; do
		mv -- "$${id}_var-00$$i.nii.gz" between-$$i.nii.gz
		series+=(between-$$i)
	done
	echo '  similarity to the scan:'
	scores scan "$${series[@]}"
	echo '  similarity to the generated brain:'
	scores generated "$${series[@]}"
	picture between scan "$${series[@]}" generated --no-difference -n 2

change: invert
	@$(begin)
	echo
	echo 'The same brain, made to look younger and older along a probe of age:'
	echo '  lat-steer --probe age.safetensors --by 2 codes.lat | lat-denoise | lat2nii'
	probe=$$probes/age.safetensors
	for by in -2 2; do
		name=$$([ $$by = 2 ] && echo older || echo younger)
		lat-steer --probe "$$probe" --by $$by codes.lat | carry | decode $$name.nii.gz
		encode $$name $$name.nii.gz | sem
	done > changed.lat
	echo '  ages that the probe predicts, for the changed scans after encoding them again:'
	linprobe predict --probe "$$probe" codes.lat changed.lat | awk -F '\t' 'NR > 1 { printf "  %-22s %5.1f\n", $$1, $$4 }'
	scores scan younger inverted older
	picture older inverted younger older

.PHONY: demo compress invert alone generate between change
