#!/bin/sh
# Subject: a file with two names, of which an upper layer deletes the first; the layers squashed
# Tools: oci-squash 0.1.0 from PyPI; skopeo 1.9.3+ds1-1+b10, Debian 12
# Guess: the other name has the file, as in a container of the image: deleting a name is not deleting
# what is behind it.
# Seen: both names are gone, rc 0 and no warning: the member with the content is left out for its
# name, and the link to it goes with it.
# Matters: images are squashed to be preloaded as one layer; the program that was renamed by way of a
# hard link is missing then.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
pip() { python3 -m pip install -qq --disable-pip-version-check --target lib "$@"; export PYTHONPATH="$work/lib"; }
debs() { # PACKAGE=VERSION...
    apt-get -qq -o APT::Sandbox::User=root download "$@"
    for deb in *.deb; do dpkg -x "$deb" root; done
    PATH=$work/root/usr/bin:$PATH
}
image() { # NAME LAYER...: the OCI layout NAME:v1 of these tars, and the archive NAME.tar of skopeo's
    name=$1 ids='' layers='' history=''
    shift
    for layer; do
        ids="$ids,\"sha256:$(sha256sum "$layer" | cut -d ' ' -f 1)\"" layers="$layers,\"$layer\""
        history="$history,{\"created\":\"2020-01-01T00:00:00Z\"}"
    done
    printf '{"architecture":"amd64","os":"linux","created":"2020-01-01T00:00:00Z","config":{},' > config.json
    printf '"rootfs":{"type":"layers","diff_ids":[%s]},"history":[%s]}' "${ids#,}" "${history#,}" >> config.json
    printf '[{"Config":"config.json","RepoTags":null,"Layers":[%s]}]' "${layers#,}" > manifest.json
    tar -cf "$name-archive.tar" manifest.json config.json "$@"
    skopeo --insecure-policy copy -q "docker-archive:$name-archive.tar" "oci:$name:v1"
}

debs skopeo=1.9.3+ds1-1+b10
pip oci-squash==0.1.0
mkdir lower upper
echo content > lower/first
ln lower/first lower/second
echo other > lower/third
tar -cf lower.tar -C lower first second third
: > upper/.wh.first
tar -cf upper.tar -C upper .wh.first
image image lower.tar upper.tar
skopeo --insecure-policy copy -q oci:image:v1 oci-archive:image.tar
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$work/graph" "$work/run" > storage.conf
CONTAINERS_STORAGE_CONF=storage.conf skopeo --insecure-policy copy -q oci:image:v1 containers-storage:localhost/image:1
without_first() { for root in graph/vfs/dir/*; do [ -e "$root/first" ] || ls "$root"; done; }
same 'in containers/storage' 'second third' "$(without_first | paste -s -d ' ')"
python3 -m oci_squash image.tar -f 2 -t quay.io/x/app:1 -o squashed.tar > log 2>&1
mkdir squashed
tar -xf squashed.tar -C squashed
same 'squashed' third "$(tar -tf squashed/squashed/layer.tar | paste -s -d ' ')"
