#!/bin/sh
# Subject: `ctr images import` of archives that skopeo wrote with a short name, or with none
# Tools: containerd 1.6.20~ds1-1+deb12u3, skopeo 1.9.3+ds1-1+b10, Debian 12
# Guess: the name v1 is a tag of something fixed, as the file's name; without a name the image has its
# digest alone, or there is an error.
# Seen: the image is import-DAY:v1, with the day of the import. Of a Docker archive without a name
# nothing is listed afterwards; rc 0 and not a word.
# Matters: no manifest can ask for a name that depends on the day a device was set up.
set -eu
work=$(mktemp -d)
trap 'kill "$server" || true; wait; rm -rf "$work"' EXIT
server=
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

debs containerd=1.6.20~ds1-1+deb12u3 skopeo=1.9.3+ds1-1+b10
cat > containerd.toml << END
version = 2
root = "$work/data"
state = "$work/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = "$work/socket"
[ttrpc]
address = "$work/socket.ttrpc"
END
containerd -c containerd.toml > log 2>&1 &
server=$!
echo content > file
tar -cf layer.tar file
image image layer.tar
ctr() { "$work/root/usr/bin/ctr" --connect-timeout 60s -a "$work/socket" "$@"; }
imported() { # TRANSPORT NAME: the names of images that are there after it was imported
    skopeo --insecure-policy copy -q oci:image:v1 "$1:packed.tar$2"
    ctr images import --snapshotter native packed.tar > log || echo failed
    ctr images list -q
    for name in $(ctr images list -q); do ctr images remove "$name" > log; done
    rm packed.tar
}
before=$(date +%F)
seen=$(imported oci-archive :v1)
[ "$before" = "$(date +%F)" ] || seen=$(imported oci-archive :v1)
same 'OCI archive, v1' "import-$(date +%F):v1" "$seen"
same 'Docker archive, no name' '' "$(imported docker-archive '')"
same 'OCI archive, full name' quay.io/x/app:1 "$(imported oci-archive :quay.io/x/app:1)"
