# A row of an option table whose pointer is of another type than its name says does not compile; those of the right type do.
. tests/lib.sh
declare -A type=([flag]=bool [integer]=int64_t [real]=double [text]='const char *' [file]='const char *' [folder]='const char *' [model]='const char *')
# compiles NAME TYPE: a table with the pointer NAME to a variable of this type, by the compiler and the flags of the tools
compiles() {
	printf '%s\n' '#include "cli/cli.h"' "static $2 value;" \
		"const struct cli_option options[] = { { 0, \"name\", \"help\", .$1 = &value }, { 0 } };" > "$T/table.c"
	bash -c "$(cat "$BUILD/flags") -MF '$T/table.d' -c -o '$T/table.o' '$T/table.c'" 2> "$T/err"
}
for name in "${!type[@]}"; do
	holds ".$name: ${type[$name]}" compiles "$name" "${type[$name]}"
	for wrong in bool int int64_t float double 'char *' 'const char *' 'const char *const *'; do
		[ "$wrong" != "${type[$name]}" ] || continue
		if compiles "$name" "$wrong"; then
			not_ok ".$name: no $wrong"
		else
			like ".$name: no $wrong" "$(cat "$T/err")" 'error: .*incompatible.pointer'
		fi
	done
done
finish
