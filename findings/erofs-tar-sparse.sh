#!/bin/sh
# Subject: `mkfs.erofs --tar=f` of a tar with a sparse file, as GNU tar writes it
# Tool: erofs-utils 1.8.6-1, Debian 13; GNU tar as installed; the same was seen with 1.9.4
# Guess: the file, with zeros for its holes; or an error, as for a tar that it cannot read.
# Seen: rc 0 and not a word. With GNU's own format (tar -S) the file is not in the image. With PAX
# (tar -S --format=pax) there is a file of another size under GNUSparseFile.NUMBER/, in which the map
# of the holes comes first.
# Matters: layers with disk images, databases or lastlog; the image mounts, and lacks them.
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
truncate -s 1M disk
echo content >> disk
image() { # TAR OPTION...: what is in the image of a tar that is made with these options
    tar -cf root/tar "$@" disk
    chroot root mkfs.erofs --quiet --tar=f /image /tar 2>&1 || echo failed
    chroot root fsck.erofs --extract=/out --overwrite /image > log 2>&1
    (cd root/out && find . -type f -printf '%P %s\n' | sed 's/[0-9]*\//N\//')
    rm -r root/out
}
same 'plain' 'disk 1048584' "$(image)"
same 'sparse' '' "$(image -S)"
seen=$(image -S --format=pax)
same 'sparse in PAX' GNUSparseFile.N/disk "${seen% *}"
same 'its size is less' yes "$([ "${seen#* }" -lt 1048584 ] && echo yes)"
