#!/bin/sh
# Subject: a modification time in a PAX record that is a whole number of seconds, "mtime=5"
# Tools: squashfs-tools 1:4.5.1-1, squashfs-tools-ng 1.2.0-1, Debian 12
# Guess: POSIX has the fraction as optional, so it is read.
# Seen: mksquashfs -tar: "Failed to parse pax header", rc 1. "mtime=5.0" is fine. tar2sqfs and tar
# take both.
# Matters: Go and GNU tar leave the fraction out where it is zero, so some layers cannot be made into
# a filesystem this way: those with times before 1970 or after 2242, and those of writers that put
# all times into PAX records.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
debs() { # PACKAGE=VERSION...
    apt-get -qq -o APT::Sandbox::User=root download "$@"
    for deb in *.deb; do dpkg -x "$deb" root; done
    PATH=$work/root/usr/bin:$PATH
}

debs squashfs-tools=1:4.5.1-1 squashfs-tools-ng=1.2.0-1 libsquashfs1=1.2.0-1
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu"
for time in 5 5.0; do
    python3 - "$time" << 'END'
import sys, tarfile
with tarfile.open("layer.tar", "w", format=tarfile.PAX_FORMAT) as layer:
    file = tarfile.TarInfo("file")
    file.pax_headers = {"mtime": sys.argv[1]}
    layer.addfile(file)
END
    same "tar, $time" 1970-01-01 "$(TZ=UTC tar -tvf layer.tar | awk '{ print $4 }')"
    tar2sqfs -f -q image < layer.tar
    same "tar2sqfs, $time" 1970-01-01 "$(unsquashfs -UTC -lln image | awk '/file$/ { print $4 }')"
    [ "$time" = 5 ] && expected='Failed to parse pax header' || expected=''
    same "mksquashfs, $time" "$expected" \
        "$(mksquashfs - "image-$time" -tar -quiet -no-progress < layer.tar 2>&1 | head -n 1)"
done
