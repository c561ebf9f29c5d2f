#!/bin/bash
# The operators and networks on arm64 (NEON): built by the cross compiler against Debian's packages of that architecture, and run by qemu
# with the tests that judge every operator. Needs gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user-static, and apt that knows the architecture
# (dpkg --add-architecture arm64; apt-get update). Packages are unpacked, not installed. Some five minutes.
. tests/lib.sh
tests=(nn_combine nn_attention nn_convnext nn_conv nn_gradients)
packages=(libjansson-dev libjansson4 libpng-dev libpng16-16 libnifti2-dev libnifti2-2 libniftiio-dev libniftiio2 libnifticdf-dev libnifticdf2 libznz-dev libznz3
	libzstd-dev libzstd1 nettle-dev libnettle8 libcmocka-dev libcmocka0 zlib1g-dev zlib1g libopenblas-openmp-dev libopenblas0-openmp libgfortran5
	libgomp1 libgcc-s1)
for tool in aarch64-linux-gnu-gcc qemu-aarch64-static; do
	command -v $tool > /dev/null || { skip 'arm64' "no $tool"; finish; }
done
dpkg --print-foreign-architectures | grep -qx arm64 || { skip 'arm64' 'apt does not know the architecture arm64'; finish; }
mkdir "$T/packages"
(cd "$T/packages" && apt-get download -q "${packages[@]/%/:arm64}" > "$T/said" 2>&1) || { skip 'arm64' "no packages: $(tail -n 1 "$T/said")"; finish; }
for p in "$T"/packages/*.deb; do dpkg -x "$p" "$T/root"; done
cp -a /usr/aarch64-linux-gnu/lib/. "$T/root/lib/"

include=$T/root/usr/include libraries=$T/root/usr/lib/aarch64-linux-gnu
holds 'it builds' make -j2 CC=aarch64-linux-gnu-gcc BUILD="$T/build" \
	CPPFLAGS="-I$include -I$include/nifti -I$include/aarch64-linux-gnu -I$include/aarch64-linux-gnu/openblas-openmp -Ilib -D_GNU_SOURCE -DLATPIPE_VERSION='\"arm64\"'" \
	LDFLAGS="-L$libraries -L$T/root/lib/aarch64-linux-gnu -Wl,-rpath-link,$libraries:$T/root/lib/aarch64-linux-gnu" \
	"${tests[@]/#/$T/build/tests/unit/test_}"
export OMP_NUM_THREADS=1
for t in "${tests[@]}"; do
	holds "$t" qemu-aarch64-static -L "$T/root" -E LD_LIBRARY_PATH=/lib:/usr/lib/aarch64-linux-gnu:/lib/aarch64-linux-gnu "$T/build/tests/unit/test_$t"
done
finish
