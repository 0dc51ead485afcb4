#!/bin/sh
# Subject: a layer in which a member comes twice, as `tar --append` makes it for a file or a directory
# Tools: skopeo 1.9.3+ds1-1+b10 (containers/storage, driver vfs), umoci 0.4.7+ds-3+b7,
# containerd 1.6.20~ds1-1+deb12u3, Debian 12; skopeo 1.18 and 1.22 do the same
# Guess: the last one counts, as for tar: all engines unpack layers that way.
# Seen: so it is for umoci and containerd. containers/storage, which podman, buildah and CRI-O have,
# refuses the layer, "duplicates of file paths not supported", even for a directory that comes again.
# Matters: an image that every registry and mirror takes, and that runs with containerd, cannot be
# pulled by podman.
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

debs containerd=1.6.20~ds1-1+deb12u3 skopeo=1.9.3+ds1-1+b10 umoci=0.4.7+ds-3+b7
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
ctr() { "$work/root/usr/bin/ctr" --connect-timeout 60s -a "$work/socket" "$@"; }
mkdir directory
echo old > directory/file
tar -cf file.tar directory
cp file.tar directory.tar
echo new > directory/file
tar --append -f file.tar directory/file
tar --append -f directory.tar --no-recursion directory
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$work/graph" "$work/run" > storage.conf
export CONTAINERS_STORAGE_CONF="$work/storage.conf"
stored() { skopeo --insecure-policy copy -q "oci:$1:v1" "containers-storage:localhost/$1" 2>&1 | grep -o -m 1 'duplicates.*supported'; }
for what in file directory; do
    image "$what-twice" "$what.tar"
    same "containers/storage, $what" 'duplicates of file paths not supported' "$(stored "$what-twice")"
done
umoci unpack --image file-twice:v1 bundle > log 2>&1
same 'umoci' new "$(cat bundle/rootfs/directory/file)"
skopeo --insecure-policy copy -q oci:file-twice:v1 oci-archive:packed.tar:quay.io/x/app:1
ctr images import --snapshotter native packed.tar > log
same 'containerd' new "$(cat data/io.containerd.snapshotter.v1.native/snapshots/*/directory/file)"
