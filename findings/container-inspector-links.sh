#!/bin/sh
# Subject: the root filesystem that container_inspector_squash makes of an image
# Tools: container-inspector 33.1.0 from PyPI; skopeo 1.9.3+ds1-1+b10, Debian 12
# Guess: the files of the image with all layers merged, as its help says; links among them.
# Seen: links are left out, symbolic and hard, without a word; all files have mode 0644. rc 0.
# Matters: a list of files that is made with it lacks what has a second name (programs in /usr/bin that are
# hard links of another), nor anything below /bin or /lib where these are links.
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
mkdir bin
echo content > bin/a-program
chmod 755 bin/a-program
ln bin/a-program bin/hard
ln -s a-program bin/symbolic
tar -cf layer.tar bin/a-program bin/hard bin/symbolic
image image layer.tar
skopeo --insecure-policy copy -q oci:image:v1 docker-archive:image.tar
mkdir archive squashed
tar -xf image.tar -C archive
same 'in the layer' 'bin/a-program bin/hard bin/symbolic' "$(tar -tf layer.tar | paste -s -d ' ')"
python3 -c 'from container_inspector.cli import container_inspector_squash; container_inspector_squash()' archive squashed
same 'squashed' 'bin/a-program 644' "$(cd squashed && find . -not -type d -printf '%P %m\n')"
