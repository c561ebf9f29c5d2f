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
finish
