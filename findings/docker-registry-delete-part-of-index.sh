#!/bin/sh
# Subject: deleting the manifest of one architecture, which an index names
# Tools: docker-registry 2.8.2+ds1-1, skopeo 1.9.3+ds1-1+b10, Debian 12
# Guess: it is refused, as it refuses to take an index whose manifests are not there.
# Seen: 202. The index is served on, and copying it with all its images fails. Pushing the very same
# index anew is refused then.
# Matters: a registry that is cleaned of "untagged" manifests loses parts of images that have tags.
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

debs docker-registry=2.8.2+ds1-1 skopeo=1.9.3+ds1-1+b10
echo content > file
tar -cf layer.tar file
image image layer.tar
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf '%s\n' 'version: 0.1' 'log: {level: error}' "http: {addr: '127.0.0.1:$port'}" \
    "storage: {filesystem: {rootdirectory: $work/registry}, delete: {enabled: true}}" > config.yml
docker-registry serve config.yml > registry.log 2>&1 &
registry=$!
trap 'kill "$registry"; rm -rf "$work"' EXIT
until curl -sf "127.0.0.1:$port/v2/" > /dev/null; do kill -0 "$registry"; done
push() { skopeo --insecure-policy copy -q --dest-tls-verify=false "$1" "docker://127.0.0.1:$port/$2"; }

push oci:image:v1 app:one
type=application/vnd.oci.image
url=http://127.0.0.1:$port/v2/app/manifests
curl -s -H "Accept: $type.manifest.v1+json" "$url/one" > manifest
digest=sha256:$(sha256sum manifest | cut -d ' ' -f 1)
printf '{"schemaVersion":2,"mediaType":"%s.index.v1+json","manifests":[{"mediaType":"%s.manifest.v1+json","digest":"%s","size":%s,"platform":{"architecture":"amd64","os":"linux"}}]}' \
    "$type" "$type" "$digest" "$(stat -c %s manifest)" > index
put() { curl -s -o /dev/null -w '%{http_code}' -X PUT -H "Content-Type: $type.index.v1+json" --data-binary @index "$url/$1"; }
same 'index, pushed' 201 "$(put all)"
same 'manifest, deleted' 202 "$(curl -s -o /dev/null -w '%{http_code}' -X DELETE "$url/$digest")"
same 'index, read' 200 "$(curl -s -o /dev/null -w '%{http_code}' -H "Accept: $type.index.v1+json" "$url/all")"
same 'copy' 'manifest unknown' "$(skopeo --insecure-policy copy -q --all --src-tls-verify=false \
    "docker://127.0.0.1:$port/app:all" dir:copy 2>&1 | grep -o 'manifest unknown' | head -n 1)"
same 'index, pushed again' 400 "$(put again)"
