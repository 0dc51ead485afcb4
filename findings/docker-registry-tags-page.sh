#!/bin/sh
# Subject: a page of the list of tags, tags/list?n=1
# Tools: docker-registry 2.8.2+ds1-1, skopeo 1.9.3+ds1-1+b10, Debian 12
# Guess: one tag and a Link header to the next page, as _catalog?n=1 of the same program does.
# Seen: all tags, no Link: the parameter is ignored.
# Matters: a client that was tested against it has never seen a second page, and misses tags elsewhere.
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

for name in one:1 one:2 two:1; do push oci:image:v1 "$name"; done
links() { curl -s -D - -o answer "127.0.0.1:$port/v2/$1?n=1" | grep -c -i '^link:' || true; }
same 'pages of _catalog' 1 "$(links _catalog)"
same 'repositories on the first' 1 "$(tr -cd , < answer | wc -c | xargs expr 1 +)"
same 'pages of tags' 0 "$(links one/tags/list)"
same 'tags' 2 "$(grep -o '"[0-9]"' answer | wc -l)"
