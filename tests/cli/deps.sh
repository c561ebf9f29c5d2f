# make deps, with stand-ins for the system's programs: installs what is missing if it may, else names it.
. tests/lib.sh
unset DEBIAN_FRONTEND
mkdir "$T/bin"
stand_in() { printf '#!/bin/bash\n%s\n' "$2" > "$T/bin/$1" && chmod +x "$T/bin/$1"; }
stand_in dpkg-query 'case ${*: -1} in zstd|parallel) [ -e '"$T"'/all ] && echo installed || exit 1 ;; *) echo installed ;; esac'
stand_in apt-get 'echo "apt-get $* DEBIAN_FRONTEND=$DEBIAN_FRONTEND" >> '"$T/log"
stand_in sudo '[ "$1" = -n ] || exit 1; shift; [ -e '"$T"'/may ] || exit 1; echo "sudo $1" >> '"$T/log; exec \"\$@\""
stand_in id 'cat '"$T/uid"
deps() { PATH=$T/bin:$PATH .ci/deps; }

echo 1000 > "$T/uid"
expect_exit 1 'without the right to install' deps
like 'names what is missing' "$(cat "$T/err")" 'zstd parallel$'
is 'and installs nothing' "$(cat "$T/log" 2> /dev/null)" ''

touch "$T/may"
expect_exit 0 'with sudo' deps
is 'updates, then installs what is missing' "$(cat "$T/log")" "sudo true
sudo apt-get
apt-get update -qq DEBIAN_FRONTEND=
sudo env
apt-get install -y -qq --no-install-recommends zstd parallel DEBIAN_FRONTEND=noninteractive"

rm "$T/log" "$T/may"
echo 0 > "$T/uid"
expect_exit 0 'as root' deps
is 'needs no sudo' "$(cat "$T/log")" "apt-get update -qq DEBIAN_FRONTEND=
apt-get install -y -qq --no-install-recommends zstd parallel DEBIAN_FRONTEND=noninteractive"

rm "$T/log"
touch "$T/all"
expect_exit 0 'nothing is missing' deps
is 'nothing is done' "$(cat "$T/log" "$T/out" 2> /dev/null)" ''
finish
