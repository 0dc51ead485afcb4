#!/bin/sh
# Subject: a layer whose owners are in the archive's global PAX header (tar --pax-option=uid=7,gid=8)
# Tools: umoci 0.4.7+ds-3+b7, skopeo 1.9.3+ds1-1+b10 (containers/storage, driver vfs),
# squashfs-tools-ng 1.2.0-1, Debian 12; erofs-utils 1.8.6-1, Debian 13; GNU tar as installed
# Guess: each file is 7:8: by POSIX a global header counts for all members that follow.
# Seen: so it is for tar and for Python's tarfile. containers/storage and tar2sqfs have 0:0 (so do
# mksquashfs and bsdtar), mkfs.erofs has 0:0 for the first member and 7:8 for the others, and umoci stops
# at the header, "unknown typeflag".
# Matters: who checks a layer with tar or Python sees other owners than those of the container.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
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

apt-get -qq -o APT::Sandbox::User=root download umoci=0.4.7+ds-3+b7 skopeo=1.9.3+ds1-1+b10 \
    squashfs-tools=1:4.5.1-1 squashfs-tools-ng=1.2.0-1 libsquashfs1=1.2.0-1
for deb in *.deb; do dpkg -x "$deb" debian12; done
PATH=$work/debian12/usr/bin:$PATH
mmdebstrap --quiet --variant=extract --include=base-files,erofs-utils=1.8.6-1 trixie root
touch first second
tar -cf layer.tar --owner=0 --group=0 --format=pax --pax-option=uid=7,gid=8 first second
same 'tar' '7/8 7/8' "$(tar --numeric-owner -tvf layer.tar | awk '{ print $2 }' | paste -s -d ' ')"
same 'tarfile' '7 7' \
    "$(python3 -c 'import tarfile; print(*(member.uid for member in tarfile.open("layer.tar")))')"

image image layer.tar
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$work/graph" "$work/run" > storage.conf
CONTAINERS_STORAGE_CONF=storage.conf skopeo --insecure-policy copy -q oci:image:v1 containers-storage:localhost/image:1
same 'containers/storage' '0:0 0:0' "$(stat -c %u:%g graph/vfs/dir/*/first graph/vfs/dir/*/second | paste -s -d ' ')"

LD_LIBRARY_PATH="$work/debian12/usr/lib/x86_64-linux-gnu" tar2sqfs -q image.sqfs < layer.tar
same 'tar2sqfs' '0/0 0/0' "$(unsquashfs -lln image.sqfs | awk '/first|second/ { print $2 }' | paste -s -d ' ')"

cp layer.tar root/
chroot root mkfs.erofs --quiet --tar=f /image /layer.tar
owner() { chroot root dump.erofs --path="$1" /image | sed -n 's/^Uid: \([0-9]*\) *Gid: \([0-9]*\) .*/\1:\2/p'; }
same 'mkfs.erofs' '0:0 7:8' "$(owner /first) $(owner /second)"

same 'umoci' 'unknown typeflag' \
    "$(umoci unpack --image image:v1 bundle 2>&1 | grep -o 'unknown typeflag' | head -n 1)"
