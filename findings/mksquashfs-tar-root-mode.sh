#!/bin/sh
# Subject: the root directory of a squashfs that is made from a tar, with a member for it and without
# Tools: squashfs-tools 1:4.5.1-1, squashfs-tools-ng 1.2.0-1, Debian 12; mksquashfs 4.6.1 does the same
# Guess: without one it has mode 0755, as other parents that a tar leaves out; with one, that member's.
# Seen: mksquashfs -tar makes the root 0777 and root's, though a missing parent 0755. A member "./" with
# another mode and owner is ignored, with a message of an empty file name. tar2sqfs: as guessed.
# Matters: everyone may write into such an image's root once it is the lower directory of an overlay,
# even where the layer says otherwise.
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
chmod 700 .
tar -cf layer.tar --owner=0 --group=7 --no-recursion ./ ./parent/file
tar2sqfs -q three < layer.tar
mksquashfs - four -tar -quiet -no-progress < layer.tar 2> message
root() { unsquashfs -lln "$1" | head -n 1 | cut -d ' ' -f 1,2; }
same 'tar2sqfs, with a member' 'drwx------ 0/7' "$(root three)"
same 'mksquashfs -tar, with a member' 'drwxrwxrwx 0/0' "$(root four)"
same 'message' 1 "$(grep -c '^Empty tar filename' message)"
