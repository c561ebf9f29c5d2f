# The pages of the tools are what --interface and the prose say; all pages are clean mdoc; every tool has one.
. tests/lib.sh
released=$(sed -n 's/^RELEASED := //p' Makefile)
for source in tools/*.c; do
	[ -e "$source" ] || continue
	t=$(basename "$source" .c)
	"$BUILD/$t" --interface | "$BUILD/man/page" "man/prose/$t.mdoc" man/exit.tsv "$released" > "$T/page" 2> "$T/err" || true
	if cmp -s "$T/page" "man/$t.1"; then ok "$t.1 is fresh"; else not_ok "$t.1 is fresh" "make man remakes it"$'\n'"$(cat "$T/err")"; fi
done
for page in man/*.[17] formats/*.5; do
	[ -e "$page" ] || continue
	holds "$(basename "$page") is clean mdoc" mandoc -Tlint -Wwarning "$page"
done
# what is written is to be read, in both renderings: an error in a macro may lose the rest of a page
holds 'every word of the pages is in what groff and mandoc make of them' python3 tests/rendered.py man/*.[17] formats/*.5
sed 's/\\&Li$/Li/' man/lat-denoise.1 > "$T/lost.1"
is 'a rendering that loses words is found' "$(python3 tests/rendered.py "$T/lost.1" | grep -c 'groff: gone: .*Cheng')" 1
version=$(sed -n 's/^VERSION := //p' Makefile)
for page in man/*.[17] formats/*.5; do
	is "$(basename "$page"): version and date" "$(grep -E '^\.(Dd|Os)' "$page" | tr '\n' ' ')" ".Dd $released .Os latpipe $version "
done
is 'CITATION.cff: version and date' "$(sed -n 's/^version: //p; s/^date-released: //p' CITATION.cff | tr '\n' ' ')" \
	"$version $(LC_ALL=C date -d "$released" +%F) "
finish
