#!/bin/sh
# Subject: a layer that deletes a directory and makes it anew: .wh.data, data/, data/new
# Tools: podman 4.3.1+ds1-8+deb12u1+b3, skopeo 1.9.3+ds1-1+b10, umoci 0.4.7+ds-3+b7, Debian 12
# Guess: data has "new" alone: a whiteout hides what lower layers have by that name.
# Seen: with the driver overlay the lower layer's files are there again: the directory takes the place of
# the whiteout, which is a file of that name. So it is with containerd 1.6 (snapshotter overlayfs). With
# the driver vfs, and by umoci, there is "new" alone. No one says a word.
# Matters: an old configuration that was deleted in an image is in its containers.
set -eu
work=$(mktemp -d)
trap 'umount -l "$work/overlay/overlay"; rm -rf "$work"' EXIT
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
stored() { # DRIVER: the root of localhost/image in a store of its own, mounted by podman
    printf '[storage]\ndriver = "%s"\ngraphroot = "%s"\nrunroot = "%s"\n' "$1" "$work/$1" "$work/run-$1" > "$1.conf"
    CONTAINERS_STORAGE_CONF=$1.conf skopeo --insecure-policy copy -q oci:image:v1 containers-storage:localhost/image:1
    CONTAINERS_STORAGE_CONF=$1.conf podman image mount localhost/image:1
}

debs podman=4.3.1+ds1-8+deb12u1+b3 skopeo=1.9.3+ds1-1+b10 umoci=0.4.7+ds-3+b7
mkdir data
echo old > data/old
tar -cf lower.tar data
rm data/old
echo new > data/new
: > .wh.data
tar -cf upper.tar .wh.data data
image image lower.tar upper.tar
listed() { (cd "$1/data" && echo *); }
umoci unpack --image image:v1 bundle > log 2>&1
same 'umoci' new "$(listed bundle/rootfs)"
same 'podman, vfs' new "$(listed "$(stored vfs)")"
same 'podman, overlay' 'new old' "$(listed "$(stored overlay)")"
