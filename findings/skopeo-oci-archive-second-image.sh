#!/bin/sh
# Subject: a second image copied into the same OCI archive
# Tool: skopeo 1.9.3+ds1-1+b10, Debian 12
# Guess: `oci-archive:FILE:two` is added beside `:one`, as `oci:` does with a directory; or it is
# refused, as `docker-archive:` refuses a file that exists.
# Seen: rc 0, and the archive holds only `two`: the first image is lost without a word.
# Matters: a loop that gathers the images of a device in one archive keeps the last one alone.
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
for name in one two; do
    echo "$name" > file
    tar -cf "$name-layer.tar" file
    image "$name" "$name-layer.tar"
    skopeo --insecure-policy copy -q "oci:$name:v1" "oci:directory:$name"
    skopeo --insecure-policy copy -q "oci:$name:v1" "oci-archive:archive.tar:$name"
done
tar -xf archive.tar index.json
names() { grep -o '"org.opencontainers.image.ref.name":"[^"]*"' "$1" | cut -d '"' -f 4 | paste -s -d ' '; }
same 'names in oci:' 'one two' "$(names directory/index.json)"
same 'names in oci-archive:' 'two' "$(names index.json)"
