#!/bin/sh
# Subject: a manifest asked for with Accept: */*
# Tools: docker-registry 2.8.2+ds1-1, skopeo 1.9.3+ds1-1+b10, Debian 12
# Guess: 200 and what is there: it is something.
# Seen: 404 MANIFEST_UNKNOWN for a manifest in OCI format. For one in Docker's schema 2 it is 200, but
# another document: schema 1, made and signed for this answer, whose digest changes with each of them.
# Matters: "is the tag there, has it changed?" by curl, whose default that header is, says no and yes.
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

debs docker-registry=2.8.2+ds1-1 skopeo=1.9.3+ds1-1+b10
echo content > file
tar -cf layer.tar file
printf '{"architecture":"amd64","os":"linux","history":[{"created_by":"t"}],"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
    "$(sha256sum layer.tar | cut -d ' ' -f 1)" > config.json
echo '[{"Config":"config.json","RepoTags":null,"Layers":["layer.tar"]}]' > manifest.json
tar -cf image.tar manifest.json config.json layer.tar
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf '%s\n' 'version: 0.1' 'log: {level: error}' "http: {addr: '127.0.0.1:$port'}" \
    "storage: {filesystem: {rootdirectory: $work/registry}, delete: {enabled: true}}" > config.yml
docker-registry serve config.yml > registry.log 2>&1 &
registry=$!
trap 'kill "$registry"; rm -rf "$work"' EXIT
until curl -sf "127.0.0.1:$port/v2/" > /dev/null; do kill -0 "$registry"; done
push() { skopeo --insecure-policy copy -q --dest-tls-verify=false "$1" "docker://127.0.0.1:$port/$2"; }

push docker-archive:image.tar app:docker
skopeo --insecure-policy copy -q --format oci docker-archive:image.tar oci:image:v1
push oci:image:v1 app:oci
asked() { curl -s -o answer -w '%{http_code} %{content_type}' -H 'Accept: */*' "127.0.0.1:$port/v2/app/manifests/$1"; }
same 'OCI' '404 application/json; charset=utf-8' "$(asked oci)"
same 'Docker schema 2' '200 application/vnd.docker.distribution.manifest.v1+prettyjws' "$(asked docker)"
mv answer first
same 'asked again' '200 application/vnd.docker.distribution.manifest.v1+prettyjws' "$(asked docker)"
! cmp -s first answer
