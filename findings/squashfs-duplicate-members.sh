#!/bin/sh
# Subject: a tar that has a member twice, as `tar --append` makes it
# Tools: squashfs-tools 1:4.5.1-1, squashfs-tools-ng 1.2.0-1, Debian 12
# Guess: the last one counts, as for tar and for containerd.
# Seen: mksquashfs -tar keeps the first, says "already exists in the tar file, ignoring", rc 0.
# tar2sqfs stops ("File exists"), and so it does when a *directory* comes again with another mode.
# Matters: a layer with a replaced file becomes the old file, or nothing.
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
mkdir directory
echo old > directory/file
tar -cf layer.tar directory
cp layer.tar again.tar
echo new > directory/file
tar -rf layer.tar directory/file
chmod 700 directory
tar -rf again.tar --no-recursion directory
mksquashfs - image -tar -quiet -no-progress < layer.tar > message 2>&1
same 'tar' new "$(tar -xOf layer.tar directory/file | tail -n 1)"
same 'mksquashfs' old "$(unsquashfs -cat image directory/file)"
grep -q 'already exists in the tar file, ignoring' message
refusal() { tar2sqfs -q refused < "$1" 2>&1 | head -n 1; }
same 'tar2sqfs, file' 'directory/file: File exists' "$(refusal layer.tar)"
same 'tar2sqfs, directory' 'directory: File exists' "$(refusal again.tar)"
