#!/bin/sh
# Subject: `buildah build --layers --timestamp 0`, after a build without the timestamp
# Tool: buildah 1.28.2+ds1-3+deb12u1+b3, Debian 12
# Guess: the image is of 1970, as on a machine that builds it for the first time: the timestamp is an
# input, so layers made without it do not fit.
# Seen: the cached layers are taken with the times of that earlier build; config and history have its
# date. rc 0, no warning. With --no-cache the image is of 1970.
# Matters: an image meant to be reproducible depends on what the machine built before.
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

debs buildah=1.28.2+ds1-3+deb12u1+b3
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$work/graph" "$work/run" > storage.conf
export CONTAINERS_STORAGE_CONF="$work/storage.conf" BUILDAH_ISOLATION=chroot
mkdir context
echo content > context/file
printf 'FROM scratch\nCOPY file /directory/file\n' > context/Containerfile
build() { buildah build -q "$@" -t localhost/image context > /dev/null 2>&1; }
year() { buildah inspect --type image --format '{{.OCIv1.Created}}' localhost/image | cut -d - -f 1; }
build --layers
now=$(year)
build --layers --timestamp 0
same 'with the cache' "$now" "$(year)"
build --layers --timestamp 0 --no-cache
same 'without the cache' 1970 "$(year)"
