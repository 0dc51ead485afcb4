#!/bin/sh
# Subject: directories that a tar leaves out, made by `mkfs.erofs --tar=f`
# Tools: erofs-utils 1.8.6-1, Debian 13; squashfs-tools 1:4.5.1-1, squashfs-tools-ng 1.2.0-1, Debian 12;
# the first was seen the same with 1.9.4
# Guess: mode 0755, as tar itself and the makers of squashfs have it for them.
# Seen: 0777: everyone may write. It is no matter of the umask.
# Matters: layers of image builders have members for the files alone; their directories are the lower
# ones of an overlay then.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
debian13() { # PACKAGE=VERSION...: unpacks them, and what they need, in root
    mmdebstrap --quiet --variant=extract --include="$(echo base-files "$*" | tr ' ' ,)" trixie root
}

debian13 erofs-utils=1.8.6-1
mkdir -p top/middle
echo content > top/middle/file
umask 077
tar -cf root/tar top/middle/file
chroot root mkfs.erofs --quiet --tar=f /image /tar
mode() { # PATH: its mode in the EROFS image
    chroot root dump.erofs --path="$1" /image | sed -n 's|^Uid.*Access: \(.*\)/.*|\1|p'
}
for directory in / /top /top/middle; do same "EROFS $directory" 0777 "$(mode "$directory")"; done
apt-get -qq -o APT::Sandbox::User=root download squashfs-tools=1:4.5.1-1 squashfs-tools-ng=1.2.0-1 libsquashfs1=1.2.0-1
for deb in *.deb; do dpkg -x "$deb" debian12; done
PATH=$work/debian12/usr/bin:$PATH
export LD_LIBRARY_PATH="$work/debian12/usr/lib/x86_64-linux-gnu"
modes() { unsquashfs -ll "$1" | grep -c '^drwxr-xr-x .*/\(top\|middle\)$'; }
mksquashfs - one.sqfs -tar -quiet -no-progress < root/tar
tar2sqfs -q two.sqfs < root/tar
same 'mksquashfs, of mode 0755' 2 "$(modes one.sqfs)"
same 'tar2sqfs, of mode 0755' 2 "$(modes two.sqfs)"
