#!/bin/sh
# Subject: a tar with a file, a hard link to it, and the file again with another content (tar --append)
# Tools: ostree 2022.7-2+deb12u1, umoci 0.4.7+ds-3+b7, skopeo 1.9.3+ds1-1+b10, Debian 12
# Guess: the link keeps the first content, as for tar and umoci, which take away the name before they
# make the new file: members are read in their order.
# Seen: `ostree commit --tree=tar=` gives the second content to both names: it makes hard links when the
# archive has ended, by the name that they point to. 2025.2 (Debian 13) does the same.
# Matters: a host that is made from layers by OSTree runs another program than a container of them.
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

debs ostree=2022.7-2+deb12u1 libostree-1-1=2022.7-2+deb12u1 skopeo=1.9.3+ds1-1+b10 umoci=0.4.7+ds-3+b7
mkdir tree
echo old > tree/one
ln tree/one tree/two
tar -cf layer.tar tree/one tree/two
rm tree/one
echo new > tree/one
tar --append -f layer.tar tree/one
mkdir unpacked
tar -xf layer.tar -C unpacked
both() { cat "$1"/tree/one "$1"/tree/two | paste -s -d ' '; }
same 'tar' 'new old' "$(both unpacked)"
image image layer.tar
umoci unpack --image image:v1 bundle > log 2>&1
same 'umoci' 'new old' "$(both bundle/rootfs)"
ostree() { LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu" "$work/root/usr/bin/ostree" --repo=repo "$@"; }
ostree init --mode=archive
ostree commit -b example --tree=tar=layer.tar --tar-autocreate-parents > log
ostree checkout -U example checkout
same 'ostree' 'new new' "$(both checkout)"
