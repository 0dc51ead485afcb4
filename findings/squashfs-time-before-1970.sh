#!/bin/sh
# Subject: a file of a layer that is older than 1970
# Tools: squashfs-tools 1:4.5.1-1, squashfs-tools-ng 1.2.0-1, Debian 12
# Guess: squashfs has no such time, so both clamp it to 1970, or refuse.
# Seen: tar2sqfs says 1970, mksquashfs -tar wraps: the file is of the year 2106. Neither says a word.
# Matters: two makers of one filesystem disagree by 136 years; caches and make look at such times.
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
python3 - << 'END'
import tarfile
with tarfile.open("layer.tar", "w", format=tarfile.PAX_FORMAT) as layer:
    file = tarfile.TarInfo("file")
    file.mtime = -1.5
    layer.addfile(file)
END
tar2sqfs -q one < layer.tar
mksquashfs - two -tar -quiet -no-progress < layer.tar
time_of() { unsquashfs -UTC -lln "$1" | awk '/file$/ { print $4 }'; }
same 'tar2sqfs' 1970-01-01 "$(time_of one)"
same 'mksquashfs -tar' 2106-02-07 "$(time_of two)"
