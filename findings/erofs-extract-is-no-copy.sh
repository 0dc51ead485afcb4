#!/bin/sh
# Subject: unpacking an EROFS image as root with `fsck.erofs --extract --preserve`
# Tool: erofs-utils 1.5-1, Debian 12
# Guess: what comes out is what went in, as with unsquashfs: it says that it preserves ownership and
# permissions.
# Seen: set-user-ID bits are gone, hard links are files of their own, extended attributes are gone
# (file capabilities, opaque marks of overlays). dump.erofs shows 0755 for the mode 04755, too. The
# image has all of it: a mount shows so.
# Matters: comparing an image of a store with its layers needs a mount, or another reader.
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

debs erofs-utils=1.5-1
mkdir tree
echo content > tree/one
ln tree/one tree/two
chmod 4755 tree/one
setfattr -n security.capability -v 0sAQAAAgAEAAAAAAAAAAAAAAAAAAA= tree/one
mkfs.erofs --quiet image tree > /dev/null 2>&1
fsck.erofs --extract=out --preserve image > /dev/null 2>&1
same 'tree' '4755 2 security.capability' "$(stat -c '%a %h' tree/one) $(getfattr -m - tree/one | sed -n 2p)"
same 'extracted' '755 1 ' "$(stat -c '%a %h' out/one) $(getfattr -m - out/one | sed -n 2p)"
same 'dump.erofs' 0755/rwxr-xr-x "$(dump.erofs --path=/one image | sed -n 's/.*Access: //p')"
mkdir mounted
if mount -o loop,ro image mounted 2> /dev/null; then
    seen=$(stat -c '%a %h' mounted/one)
    umount mounted
    same 'mounted' '4755 2' "$seen"
fi
