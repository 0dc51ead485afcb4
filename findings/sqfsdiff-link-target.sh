#!/bin/sh
# Subject: two squashfs images that differ in the target of a symbolic link
# Tool: squashfs-tools-ng 1.2.0-1, Debian 12
# Guess: exit status 1, as for every other difference that it reports.
# Seen: it prints "has a different link target", and exits with 0. Another mode, owner, device number
# or content: 1.
# Matters: a check in a script that a rebuilt image equals the old one passes.
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

debs squashfs-tools-ng=1.2.0-1 libsquashfs1=1.2.0-1
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu"
image() { tar --mtime=@0 -cf - file link | tar2sqfs -q "$1"; }
echo content > file
ln -s one link
image a
ln -sf two link
image b
chmod 600 file
image c
compare() {
    status=0
    sqfsdiff -a "$1" -b "$2" > message || status=$?
    echo "$(cat message) $status"
}
same 'no difference' ' 0' "$(compare a a)"
same 'link target' '/link has a different link target 0' "$(compare a b)"
same 'mode' '/file has different permissions 1' "$(compare b c)"
