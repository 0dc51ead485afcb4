#!/bin/sh
# Subject: `ostree export` of a commit with files that are alike, though not links of one another
# Tools: ostree 2022.7-2+deb12u1, Debian 12; ostree 2025.2-1, Debian 13
# Guess: the tar has each of them as a file: that a repository keeps one object for both is its own
# affair, and a checkout that must not share (`--force-copy`) has two files.
# Seen: 2022.7 does so. 2025.2 writes the second one as a hard link to the first, wherever it is, if
# content, mode and owner agree; all empty files are one.
# Matters: in a root that is unpacked from it a line appended to one file is in the other, too.
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

apt-get -qq -o APT::Sandbox::User=root download ostree=2022.7-2+deb12u1 libostree-1-1=2022.7-2+deb12u1
for deb in *.deb; do dpkg -x "$deb" debian12; done
debian13 ostree=2025.2-1
mkdir -p root/tree/etc root/tree/var
echo content > root/tree/etc/one
echo content > root/tree/var/two
: > root/tree/etc/empty
: > root/tree/var/lock
old() { LD_LIBRARY_PATH="$work/debian12/usr/lib/x86_64-linux-gnu" "$work/debian12/usr/bin/ostree" "$@"; }
mkdir -p root/proc/sys/kernel/random
cp /proc/sys/kernel/random/boot_id root/proc/sys/kernel/random/  # it asks for this file
old init --repo=root/repo --mode=archive
old --repo=root/repo commit -b example --tree=dir=root/tree > /dev/null
unpacked() { # TAR: what is in var/two and var/lock after the other files were written to
    rm -rf unpacked
    mkdir unpacked
    tar -xf "$1" -C unpacked
    echo more >> unpacked/etc/one
    echo more >> unpacked/etc/empty
    cat unpacked/var/two unpacked/var/lock | tr '\n' ' '
}
old --repo=root/repo export example > old.tar
chroot root ostree --repo=/repo export example > new.tar
same 'files of their own in 2022.7' 'content ' "$(unpacked old.tar)"
same 'links in 2025.2' 'content more more ' "$(unpacked new.tar)"
same 'links of a checkout that copies' 1 \
    "$(old --repo=root/repo checkout -U --force-copy example copy && stat -c %h copy/var/two)"
