#!/bin/sh
# Subject: the root directory of a squashfs that is made from a tar without a member for it
# Tools: squashfs-tools 1:4.5.1-1, squashfs-tools-ng 1.2.0-1, Debian 12
# Guess: mode 0755, as for other parents that a tar leaves out.
# Seen: mksquashfs -tar makes the root 0777, though a missing parent 0755; tar2sqfs makes both 0755.
# Matters: most layers have no member for their root: everyone may write into such an image's root
# once it is the lower directory of an overlay.
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
mkdir parent
touch parent/file
tar -cf layer.tar parent/file
tar2sqfs -q one < layer.tar
mksquashfs - two -tar -quiet -no-progress < layer.tar
modes() { unsquashfs -lln "$1" | cut -d ' ' -f 1 | paste -s -d ' '; }
same 'tar2sqfs' 'drwxr-xr-x drwxr-xr-x -rw-r--r--' "$(modes one)"
same 'mksquashfs -tar' 'drwxrwxrwx drwxr-xr-x -rw-r--r--' "$(modes two)"
