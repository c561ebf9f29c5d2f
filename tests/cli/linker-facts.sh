# Only lib/cli may end the program or speak: no other object of lib refers to the functions that do.
. tests/lib.sh
forbidden=' U (exit|_exit|_Exit|quick_exit|abort|__assert_fail|stdout|stderr|printf|__printf_chk|vprintf|__vprintf_chk|puts|putchar|perror|psignal|warnx?|errx?|verrx?|error)$'
for lib in "$BUILD"/lib*.a; do
	part=$(basename "$lib" .a)
	[ "$part" = libcli ] && continue
	is "$part neither exits nor prints" "$(nm -A -u "$lib" 2> /dev/null | grep -E "$forbidden" | sed 's/.*a://')" ''
done
# the test itself can fail: lib/cli does both
like 'and lib/cli does' "$(nm -u "$BUILD/libcli.a")" 'U exit'
finish
