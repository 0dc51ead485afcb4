#!/bin/sh
# Subject: a layer that holds a file, and after it the whiteout of that file
# Tools: umoci 0.4.7+ds-3+b7, skopeo 1.9.3+ds1-1+b10 (containers/storage, driver vfs), Debian 12
# Guess: both give the same root filesystem.
# Seen: umoci keeps the layer's own file, since whiteouts are for lower layers. containers/storage
# deletes it, too: nothing is left. With the whiteout first, both keep the file.
# Matters: who unpacks images by another tool than the engine may ship another root filesystem.
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
mkdir low up
echo low > low/file
echo up > up/file
: > up/.wh.file
tar -C low -cf low.tar file
tar -C up -cf file-first.tar file .wh.file
tar -C up -cf whiteout-first.tar .wh.file file
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$work/graph" "$work/run" > storage.conf
export CONTAINERS_STORAGE_CONF="$work/storage.conf"
content() { cat "$1" 2> /dev/null || echo none; }
for order in file-first whiteout-first; do
    image "$order" low.tar "$order.tar"
    umoci unpack --image "$order:v1" "$order-umoci" > /dev/null
    skopeo --insecure-policy copy -q "oci:$order:v1" "containers-storage:localhost/$order"
    top=$(sed 's/.*"layer":"\([0-9a-f]*\)".*/\1/' graph/vfs-images/images.json)
    same "$order, umoci" up "$(content "$order-umoci/rootfs/file")"
    [ "$order" = file-first ] && expected=none || expected=up
    same "$order, containers/storage" "$expected" "$(content "graph/vfs/dir/$top/file")"
    rm -rf graph run
done
