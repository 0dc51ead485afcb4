#!/bin/sh
# Subject: a tag of an OCI layout that moves to another image
# Tools: skopeo 1.9.3+ds1-1+b10, umoci 0.4.7+ds-3+b7, Debian 12
# Guess: the index has one entry, and `umoci gc` frees what no tag names.
# Seen: the old entry stays in the index without a name. `oci:LAYOUT` without a tag is ambiguous from
# then on, and `umoci gc` keeps all blobs, since it takes nameless entries for roots, too.
# Matters: a layout that is refreshed in place, as a cache for preloading, only grows.
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
for name in old new; do
    echo "$name" > file
    tar -cf "$name-layer.tar" file
    image "$name" "$name-layer.tar"
    skopeo --insecure-policy copy -q "oci:$name:v1" oci:layout:v1
done
entries() { grep -o '"digest"' layout/index.json | wc -l; }
blobs() { find layout/blobs -type f | wc -l; }
same 'entries in the index' 2 "$(entries)"
same 'names that umoci lists' v1 "$(umoci ls --layout layout)"
umoci gc --layout layout
same 'entries after gc' 2 "$(entries)"
same 'blobs after gc' 6 "$(blobs)"
same 'without a tag' 'choose an image' \
    "$(skopeo --insecure-policy inspect oci:layout 2>&1 | grep -o 'choose an image')"
