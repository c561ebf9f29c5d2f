# The EXAMPLES of the other man pages (see tests/cli/examples.sh): those that take longer.
PAGES=$(echo man/{nii-mean,lat-check,lat-cut,lat-diff,lat-info,lat2npy,lat2tsv,npy2lat,sem-encode,lat-denoise,lat-lerp,lat-steer,lat-model,bids-scans}.1 \
	man/latpipe-tables.7 formats/lat.5)
. tests/cli/examples.sh
