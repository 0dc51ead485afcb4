#!/bin/sh
# Subject: an image as a directory in the OCI layout
# Tools: container-inspector 33.1.0 from PyPI; skopeo 1.9.3+ds1-1+b10, Debian 12
# Guess: it is read: the library has a function for such directories, and takes this one for an image.
# Seen: KeyError: 'mediatype'. It makes the keys of index.json small, but not those of the entries in
# it, and then asks an entry for the small one; so no layout can be read. Docker's archives can.
# Matters: images that were fetched by skopeo cannot be scanned before they are converted.
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
pip container-inspector==33.1.0
echo content > file
tar -cf layer.tar file
image image layer.tar
images() { # DIRECTORY: the number of its images, or the error
    python3 - "$1" << 'END'
import sys
from container_inspector.image import Image
try:
    print(len(Image.get_images_from_dir(sys.argv[1])))
except KeyError as error:
    print("KeyError", error)
END
}
same 'OCI layout' "KeyError 'mediatype'" "$(images image)"
skopeo --insecure-policy copy -q oci:image:v1 docker-archive:image.tar
mkdir archive
tar -xf image.tar -C archive
same "Docker's archive" 1 "$(images archive)"
