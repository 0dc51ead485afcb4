#!/bin/sh
# Subject: the media type of layers that skopeo copies from a docker-archive to a directory
# Tool: skopeo 1.9.3+ds1-1+b10, Debian 12
# Guess: the layers of such an archive are plain tars, so the manifest says so, or they are compressed.
# Seen: the manifest says ...diff.tar.gzip, and the file is a plain tar, with the plain tar's digest.
# Matters: who decompresses by media type fails; the first bytes of a blob are to be looked at.
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

debs skopeo=1.9.3+ds1-1+b10
echo content > file
tar -cf layer.tar file
image image layer.tar
skopeo --insecure-policy copy -q docker-archive:image-archive.tar dir:copy
layer=$(sha256sum layer.tar | cut -d ' ' -f 1)
same 'media type' application/vnd.docker.image.rootfs.diff.tar.gzip \
    "$(grep -o 'application/vnd.docker.image.rootfs[^"]*' copy/manifest.json)"
same 'blob' file "$(tar -tf "copy/$layer")"
cmp "copy/$layer" layer.tar
