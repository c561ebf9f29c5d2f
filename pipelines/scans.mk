# Writes studies as a stream of records, for train.mk and evaluate.mk.
#
# $(call stream,STUDIES,OPTIONS): nii2lat's records of all scans (*_T1w.nii.gz, or those in the folders of a BIDS derivative) of studies
# NAME=FOLDER. NAME becomes part of the subjects' ids (sub-<NAME>x<label>), so that subjects of two studies stay apart.
define stream
	for study in $(1); do
		[[ $$study == [A-Za-z0-9]*=* ]] || { echo "$$study: a study is given as NAME=FOLDER" >&2; exit 2; }
		for scan in "$${study#*=}"/*_T1w.nii.gz "$${study#*=}"/sub-*/{,ses-*/}anat/*_T1w.nii.gz; do
			[ -e "$$scan" ] || continue
			label=$${scan##*/sub-}; label=$${label%%_*}
			nii2lat $(2) --no-history --id "sub-$${study%%=*}x$${label}_T1w" "$$scan"
		done
	done
endef
