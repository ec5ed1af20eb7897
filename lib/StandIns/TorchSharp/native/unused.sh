#!/bin/sh
# Empty twins of the image and video libraries that libtorch asks for and does not use: unused.sh LIBTORCH_CPU.so FOLDER.
# Debian's libtorch 1.13 asks for OpenCV and ffmpeg without using a symbol of them; they ask for 200 more (GDAL, Qt ...), and every start of
# the program loads them all: 0.2 s and 70 MB. A loaded library of the same soname satisfies the linker, so the twins, loaded first, stand
# for them. A library has a twin only if libtorch uses none of its symbols and nothing else that is loaded asks for it.
set -e
torch=$1
folder=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

needed() { readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }
symbols() { nm -D "$@" | awk '{ sub(/@.*/, "", $NF); print $NF }' | sort -u; }

ldd "$torch" | awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 }' >"$work/all"
while read -r name file; do
    for other in $(needed "$file"); do echo "$name $other"; done
done <"$work/all" >"$work/asks"

symbols --undefined-only "$torch" >"$work/wanted"
for name in $(needed "$torch"); do
    file=$(awk -v name="$name" '$1 == name { print $2 }' "$work/all")
    use=used
    if [ -n "$file" ] && symbols --defined-only "$file" >"$work/given" && [ -z "$(comm -12 "$work/wanted" "$work/given")" ]; then use=unused; fi
    echo "$name $use"
done >"$work/needed"

# What is used, and all that it asks for, stays.
twins=$(awk '
    FNR == NR { asks[$1] = asks[$1] " " $2; next }
    { name[++n] = $1; if ($2 == "used") stays[todo[++last] = $1] = 1 }
    END {
        for (i = 1; i <= last; i++) {
            count = split(asks[todo[i]], more, " ")
            for (j = 1; j <= count; j++) if (!(more[j] in stays)) stays[todo[++last] = more[j]] = 1
        }
        for (i = 1; i <= n; i++) if (name[i] ~ /^lib(opencv_|av|sw)/ && !(name[i] in stays)) print name[i]
    }' "$work/asks" "$work/needed")

rm -rf "$folder"
[ -n "$twins" ] || exit 0
mkdir -p "$folder"
${CXX:-g++} -x c -c /dev/null -o "$work/empty.o"
for name in $twins; do ld -shared -s -z noexecstack --build-id=none -soname "$name" "$work/empty.o" -o "$folder/$name"; done
