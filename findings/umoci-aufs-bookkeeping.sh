#!/bin/sh
# Subject: what AUFS left in layers of old Docker images: .wh..wh.plnk, .wh..wh.aufs
# Tools: umoci 0.4.7+ds-3+b7, skopeo 1.9.3+ds1-1+b10 (containers/storage, driver vfs), Debian 12
# Guess: both leave it out: names with .wh. are never files of the root filesystem.
# Seen: umoci takes .wh..wh.aufs for a whiteout, but unpacks the files below .wh..wh.plnk as files of
# the image. containers/storage leaves the files out, and an empty directory .wh..wh.plnk behind.
# Matters: three ways to preload one old image give three root filesystems.
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
image() { # NAME LAYER...: the OCI layout NAME:v1 of these tars
    name=$1 ids='' layers=''
    shift
    for layer; do
        ids="$ids,\"sha256:$(sha256sum "$layer" | cut -d ' ' -f 1)\"" layers="$layers,\"$layer\""
    done
    printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[%s]}}' \
        "${ids#,}" > config.json
    printf '[{"Config":"config.json","RepoTags":null,"Layers":[%s]}]' "${layers#,}" > manifest.json
    tar -cf "$name-archive.tar" manifest.json config.json "$@"
    skopeo --insecure-policy copy -q "docker-archive:$name-archive.tar" "oci:$name:v1"
}

debs skopeo=1.9.3+ds1-1+b10 umoci=0.4.7+ds-3+b7
mkdir -p tree/.wh..wh.plnk
echo content > tree/.wh..wh.plnk/1.2
: > tree/.wh..wh.aufs
echo content > tree/file
tar -C tree -cf layer.tar file .wh..wh.aufs .wh..wh.plnk/1.2
image old layer.tar
umoci unpack --image old:v1 bundle > /dev/null
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$work/graph" "$work/run" > storage.conf
CONTAINERS_STORAGE_CONF="$work/storage.conf" skopeo --insecure-policy copy -q oci:old:v1 containers-storage:localhost/old
names() { (cd "$1" && find . -mindepth 1 | LC_ALL=C sort | paste -s -d ' '); }
same 'umoci' './.wh..wh.plnk ./.wh..wh.plnk/1.2 ./file' "$(names bundle/rootfs)"
same 'containers/storage' './.wh..wh.plnk ./file' "$(names graph/vfs/dir/*)"
