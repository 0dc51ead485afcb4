#!/bin/sh
# Subject: a layer that is a hard link to a file of the layer below it
# Tools: podman 4.3.1+ds1-8+deb12u1+b3, skopeo 1.9.3+ds1-1+b10, umoci 0.4.7+ds-3+b7, Debian 12
# Guess: a second name for that file, everywhere: layers are unpacked over one another.
# Seen: so it is by umoci, and with podman's driver vfs. With the driver overlay the image cannot be
# pulled, "no such file or directory": a layer is unpacked by itself there. containerd 1.6 takes it with
# the snapshotter native, and refuses it with overlayfs.
# Matters: an image that a job with the driver vfs pulls and runs, as in CI, cannot be pulled by devices.
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
echo content > first
tar -cf lower.tar first
ln first second
tar -cf both.tar first second
cp both.tar upper.tar
tar --delete -f upper.tar first
image image lower.tar upper.tar
same 'upper layer' 'second link to first' "$(tar -tvf upper.tar | grep -o 'second link to first')"
links() { stat -c %h "$1/first" "$1/second" | paste -s -d ' '; }
umoci unpack --image image:v1 bundle > log 2>&1
same 'umoci' '2 2' "$(links bundle/rootfs)"
same 'podman, vfs' '2 2' "$(links "$(stored vfs)")"
same 'podman, overlay' 'processing tar file(no such file or directory)' \
    "$(stored overlay 2>&1 | grep -o -m 1 'processing tar file(no such file or directory)')"
