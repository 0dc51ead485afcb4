#!/bin/sh
# Subject: `podman load` of images that skopeo wrote with the name v1
# Tools: podman 4.3.1+ds1-8+deb12u1+b3, skopeo 1.9.3+ds1-1+b10, Debian 12
# Guess: the same name for the same annotation, be it in a directory or in an archive; a tag v1.
# Seen: from an archive the image is localhost/v1:latest, from a directory localhost/DIRECTORY:latest:
# there v1 is lost. A full name in the annotation is kept in the archive, and lost in the directory.
# Matters: manifests ask for the name; which one a preloaded image has depends on how it was packed.
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

debs podman=4.3.1+ds1-8+deb12u1+b3 skopeo=1.9.3+ds1-1+b10
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$work/graph" "$work/run" > storage.conf
export CONTAINERS_STORAGE_CONF="$work/storage.conf"
echo content > file
tar -cf layer.tar file
image image layer.tar
loaded() { # SOURCE NAME
    skopeo --insecure-policy copy -q oci:image:v1 "$1:packed:$2"
    podman load -q -i packed > /dev/null 2>&1
    podman images --format '{{.Repository}}:{{.Tag}}'
    podman rmi -a -f > /dev/null
    rm -rf packed
}
same 'archive, v1' localhost/v1:latest "$(loaded oci-archive v1)"
same 'directory, v1' localhost/packed:latest "$(loaded oci v1)"
same 'archive, full name' quay.io/x/app:1 "$(loaded oci-archive quay.io/x/app:1)"
same 'directory, full name' localhost/packed:latest "$(loaded oci quay.io/x/app:1)"
