#!/bin/sh
# Subject: an opaque directory, unpacked by oci-image-tool
# Tool: oci-image-tool 1.0.0~rc2+really.rc1+dfsg-2+b12, Debian 12, of the image format's own project
# Guess: what the lower layer has in that directory is gone, as the specification says.
# Seen: `.wh.NAME` is obeyed, `.wh..wh..opq` is not: the lower layer's files are there again.
# Matters: it is the one unpacker that comes with the specification, so it looks like a reference.
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

debs skopeo=1.9.3+ds1-1+b10 oci-image-tool=1.0.0~rc2+really.rc1+dfsg-2+b12
mkdir -p low/opaque low/plain up/opaque up/plain
touch low/opaque/old low/plain/old up/opaque/.wh..wh..opq up/opaque/new up/plain/.wh.old
for layer in low up; do tar -C "$layer" --sort=name -cf "$layer.tar" opaque plain; done
image image low.tar up.tar
oci-image-tool unpack --ref name=v1 image rootfs
same 'opaque' 'old new' "$(find rootfs/opaque -type f -printf '%f\n' | sort -r | paste -s -d ' ')"
same 'plain' '' "$(find rootfs/plain -type f)"
