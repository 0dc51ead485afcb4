#!/bin/sh
# Subject: a layer with the file lib/new, on one where /lib is a symbolic link to /usr/lib
# Tools: podman 4.3.1+ds1-8+deb12u1+b3, skopeo 1.9.3+ds1-1+b10, umoci 0.4.7+ds-3+b7, Debian 12
# Guess: it is in /usr/lib, as it is where the layers are unpacked over one another.
# Seen: so it is by umoci, and with podman's driver vfs. With the driver overlay /lib is a directory with
# that file alone, and the link is gone; so it is with containerd 1.6 (snapshotter overlayfs).
# Matters: a layer made from a package's list of files takes away the system's libraries, and a check
# that unpacks the layers finds all well.
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
mkdir -p usr/lib
echo content > usr/lib/old
ln -s /usr/lib lib
tar -cf lower.tar usr lib
mkdir -p upper/lib
echo content > upper/lib/new
tar -cf upper.tar -C upper lib/new
image image lower.tar upper.tar
library() { # ROOT: what lib is there, and where the file is
    stat -c %F "$1/lib"
    (cd "$1" && find . -name new)
}
umoci unpack --image image:v1 bundle > log 2>&1
same 'umoci' 'symbolic link ./usr/lib/new' "$(library bundle/rootfs | paste -s -d ' ')"
same 'podman, vfs' 'symbolic link ./usr/lib/new' "$(library "$(stored vfs)" | paste -s -d ' ')"
same 'podman, overlay' 'directory ./lib/new' "$(library "$(stored overlay)" | paste -s -d ' ')"
