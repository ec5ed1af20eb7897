#!/bin/sh
# Builds the bridge to libtorch: build.sh OUTPUT.so. LIBTORCH names an unpacked libtorch folder; without it the system's (Debian: libtorch-dev) is used.
set -e
here=$(dirname "$0")
out=$1
flags="-O2 -shared -fPIC -fvisibility=hidden -w"
libs="-Wl,--no-as-needed -ltorch -ltorch_cpu -lc10"
if [ -n "$LIBTORCH" ]; then
    flags="$flags -I$LIBTORCH/include -I$LIBTORCH/include/torch/csrc/api/include -L$LIBTORCH/lib -Wl,-rpath,$LIBTORCH/lib"
    grep -qs '_GLIBCXX_USE_CXX11_ABI=0' "$LIBTORCH/share/cmake/Torch/TorchConfig.cmake" && flags="$flags -D_GLIBCXX_USE_CXX11_ABI=0"
    if [ -e "$LIBTORCH/lib/libtorch_cuda.so" ]; then libs="$libs -ltorch_cuda -lc10_cuda"; fi   # or their kernels are never registered
fi
mkdir -p "$(dirname "$out")"
# libtorch 1.13 to 2.9 are C++17; newer headers may ask for more
if ! ${CXX:-g++} -std=c++17 $flags "$here/shim.cpp" -o "$out.new" $libs; then
    ${CXX:-g++} -std=c++20 $flags "$here/shim.cpp" -o "$out.new" $libs
fi
# The system's libtorch without what it does not use; not for a folder of the user's own.
unused=$(dirname "$out")/unused
rm -rf "$unused"
[ -n "$LIBTORCH" ] || sh "$here/unused.sh" "$(ldd "$out.new" | awk '$1 ~ /^libtorch_cpu/ { print $3 }')" "$unused" || rm -rf "$unused"
mv "$out.new" "$out"
