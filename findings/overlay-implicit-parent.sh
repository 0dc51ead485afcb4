#!/bin/sh
# Subject: a layer that has the file tmp/new and no member for tmp, on one where tmp has mode 1777
# Tools: podman 4.3.1+ds1-8+deb12u1+b3, skopeo 1.9.3+ds1-1+b10, umoci 0.4.7+ds-3+b7, Debian 12
# Guess: tmp stays as it is: the layer says nothing of it.
# Seen: with the driver overlay it is 0755 and root's: the store makes the directory for the file, and it
# lies upon the other. With the driver vfs, and by umoci, it stays 1777; so it does with containerd 1.6
# (snapshotter overlayfs). podman 5.4 has the same in its store as 4.3.
# Matters: layers of tools that list files alone close /tmp, or open a directory that was closed, with
# podman and CRI-O only.
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
mkdir -m 1777 tmp
tar -cf lower.tar tmp
echo content > tmp/new
tar -cf upper.tar tmp/new
image image lower.tar upper.tar
umoci unpack --image image:v1 bundle > log 2>&1
same 'umoci' 1777 "$(stat -c %a bundle/rootfs/tmp)"
same 'podman, vfs' 1777 "$(stat -c %a "$(stored vfs)/tmp")"
same 'podman, overlay' 755 "$(stat -c %a "$(stored overlay)/tmp")"
