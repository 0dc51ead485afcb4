#!/bin/sh
# Subject: an index that `skopeo sync --src yaml` got by its digest, synced on from the directory
# Tools: skopeo 1.9.3+ds1-1+b10, docker-registry 2.8.2+ds1-1, Debian 12
# Guess: what sync wrote into a directory, sync can read: the way to a network without a connection.
# Seen: the directory is named by the digest of the index, but holds the manifest of this machine's
# architecture alone. `sync --src dir` then takes the name for the digest and stops: "Digest of source
# image's manifest would not match destination reference"; images after it are not copied.
# Matters: digests are what one wants to carry over. `--all` at the first sync avoids it.
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

debs skopeo=1.9.3+ds1-1+b10 docker-registry=2.8.2+ds1-1
python3 - << 'END'
import hashlib, json, pathlib, tarfile
blobs = pathlib.Path("layout/blobs/sha256")
blobs.mkdir(parents=True)
def put(kind, content):
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    name = hashlib.sha256(data).hexdigest()
    (blobs / name).write_bytes(data)
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{name}", "size": len(data)}
tarfile.open("layer", "w").close()
layer = put("layer.v1.tar", pathlib.Path("layer").read_bytes())
entries = []
for arch in "amd64", "arm64":
    config = put("config.v1+json", {"architecture": arch, "os": "linux", "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}})
    manifest = put("manifest.v1+json", {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": [layer]})
    entries.append(manifest | {"platform": {"architecture": arch, "os": "linux"}})
index = put("index.v1+json", {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries})
pathlib.Path("layout/oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
pathlib.Path("layout/index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [index]}))
END
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf '%s\n' 'version: 0.1' 'log: {level: error}' "storage: {filesystem: {rootdirectory: $work/registry}}" \
    "http: {addr: '127.0.0.1:$port'}" > config.yml
docker-registry serve config.yml > registry.log 2>&1 &
registry=$!
trap 'kill "$registry"; rm -rf "$work"' EXIT
until curl -sf "127.0.0.1:$port/v2/" > /dev/null; do kill -0 "$registry"; done
skopeo --insecure-policy copy -q --all --digestfile digest --dest-tls-verify=false oci:layout "docker://127.0.0.1:$port/app:1"
printf '127.0.0.1:%s: {tls-verify: false, images: {app: ["%s"]}}\n' "$port" "$(cat digest)" > sync.yaml
skopeo --insecure-policy sync --src yaml --dest dir sync.yaml carried > /dev/null 2>&1
same 'in the directory, without --all' 'manifest of one platform' \
    "$(grep -q '"manifests"' "carried/app@$(cat digest)/manifest.json" && echo index || echo 'manifest of one platform')"
same 'sync on' 'would not match destination reference' "$(skopeo --insecure-policy sync --src dir --dest docker \
    --dest-tls-verify=false carried "127.0.0.1:$port/copy" 2>&1 | grep -o 'would not match destination reference')"
