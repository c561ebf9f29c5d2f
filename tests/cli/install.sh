# make install puts everything in its place, tools run from there, make uninstall takes all of it away.
. tests/lib.sh
quiet=(env -u MAKEFLAGS -u MFLAGS make -s --no-print-directory BUILD="$BUILD" DESTDIR="$T/root" prefix=/opt/latpipe)
expect_exit 0 'make install' "${quiet[@]}" install
is 'without a word of warning' "$(cat "$T/err")" ''
at=$T/root/opt/latpipe
tools=$(for t in tools/*.c; do basename "$t" .c; done)
is 'all tools' "$(ls "$at/bin")" "$tools"
is 'a page for each' "$(ls "$at/share/man/man1")" "$(printf '%s.1\n' $tools)"
is 'the other pages' "$(cd "$at/share/man" && echo man5/* man7/*)" 'man5/lat.5 man7/latpipe-pipelines.7 man7/latpipe-tables.7 man7/latpipe.7'
is 'pipelines' "$(cd "$at/share/latpipe" && ls pipelines)" "$(cd pipelines && ls)"
if [ -d models ]; then
	is 'models' "$(cd "$at/share/latpipe/models" && find . -type f | sort)" "$(cd models && find . -type f ! -name '.*' | sort)"
fi
# the page latpipe-tables(7) shows how it is used: as printed there, with codes of 256 numbers
awk '/^import lat/ { on = 1 } /^\.Ed/ { on = 0 } on' man/latpipe-tables.7 > "$T/read.py"
python3 - "$T/y.npy" << 'END'
import struct, sys
head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (256,), }".ljust(117) + b"\n"
open(sys.argv[1], "wb").write(b"\x93NUMPY\1\0" + struct.pack("<H", 118) + head + struct.pack("<256f", 0.5, *range(255)))
END
for id in sub-01 sub-02; do npy2lat --id $id y="$T/y.npy"; done > "$T/all.lat"
is 'the example reads a stream' "$(cd "$T" && PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$at/share/doc/latpipe/examples python3 read.py 2>&1)" $'sub-01 0.5\nsub-02 0.5'
holds 'magic' test -s "$at/share/latpipe/magic"
is 'a tool runs from there' "$("$at/bin/lat-check" --version)" "$(lat-check --version)"
like 'file(1) knows a stream' "$(file -b -m "$at/share/latpipe/magic" formats/samples/one.lat)" 'latpipe stream'
python3 tests/small.py "$T"
expect_exit 66 'a model that is not installed' "$at/bin/nii2lat" -m none "$T/ball.nii"
like 'is looked for beside it' "$(cat "$T/err")" 'share/latpipe/models'
# what bash would offer: the function is asked as bash asks it
holds 'completion for each tool' bash -c "for t in $(echo $tools); do test -e '$at/share/bash-completion/completions/'\$t || exit 1; done"
offers() { # TOOL WORD BEFORE
	(cd "$T" && bash -c '. "$0"; COMP_WORDS=("${@:4}"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _latpipe "$1" "$2" "$3"; echo "${COMPREPLY[*]}"' \
		"$at/share/bash-completion/completions/$1" "$@")
}
is 'completion: options' "$(offers lat-cut --n lat-cut)" '--names --no-history'
is 'completion: choices' "$(offers sem-encode fa --math) $(offers sem-encode fa = sem-encode --math = fa)" 'fast fast'
is 'completion: files' "$(offers lat-cut rea --ids) $(offers lat-cut rea lat-cut)" 'read.py read.py'
is 'completion: nothing where a text is wanted' "$(offers lat-cut rea --records)" ''
expect_exit 0 'make uninstall' "${quiet[@]}" uninstall
is 'nothing is left' "$(find "$T/root" ! -type d)" ''
finish
