#!/bin/sh
# Subject: a device whose minor number is above 255
# Tools: squashfs-tools 1:4.5.1-1, squashfs-tools-ng 1.2.0-1, Debian 12
# Guess: `unsquashfs -lls` lists the numbers that extraction makes.
# Seen: extraction and sqfs2tar say 8,70000. The listing says 1118216,112: it cuts the number at the
# eighth bit, as devices had it before Linux 2.6.
# Matters: a comparison of an image with its layer by `unsquashfs -lls` reports a difference where
# there is none.
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
with tarfile.open("layer.tar", "w") as layer:
    device = tarfile.TarInfo("device")
    device.type, device.devmajor, device.devminor = tarfile.CHRTYPE, 8, 70000
    layer.addfile(device)
END
tar2sqfs -q image < layer.tar
sqfs2tar image > back.tar 2> /dev/null
same 'sqfs2tar' 8,70000 "$(tar -tvf back.tar | awk '{ print $3 }')"
same 'unsquashfs -lls' 1118216,112 "$(unsquashfs -lln image | awk '/device$/ { print $3 $4 }' | sed 's/2[0-9][0-9][0-9]-.*//;s/1970.*//')"
