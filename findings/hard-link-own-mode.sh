#!/bin/sh
# Subject: a layer in which a hard link's own tar header says another mode and owner than its file's
# Tools: umoci 0.4.7+ds-3+b7, skopeo 1.9.3+ds1-1+b10 (containers/storage, driver vfs),
# squashfs-tools-ng 1.2.0-1, Debian 12
# Guess: the names are one inode, so the file's header counts; or the last header does, everywhere.
# Seen: containers/storage gives the link's mode and owner to the inode, so to both names; umoci and
# tar2sqfs keep the file's.
# Matters: `gunzip | tar2sqfs` of a layer is not what podman runs; such headers come from tools that
# note a change of mode by listing one of the names again.
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

debs skopeo=1.9.3+ds1-1+b10 umoci=0.4.7+ds-3+b7 squashfs-tools-ng=1.2.0-1 libsquashfs1=1.2.0-1
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu"
python3 - << 'END'
import io, tarfile
with tarfile.open("layer.tar", "w") as layer:
    file = tarfile.TarInfo("file")
    file.size = 1
    layer.addfile(file, io.BytesIO(b"x"))
    link = tarfile.TarInfo("link")
    link.type, link.linkname, link.mode, link.uid = tarfile.LNKTYPE, "file", 0o600, 5
    layer.addfile(link)
END
image odd layer.tar
umoci unpack --image odd:v1 bundle > /dev/null
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$work/graph" "$work/run" > storage.conf
CONTAINERS_STORAGE_CONF="$work/storage.conf" skopeo --insecure-policy copy -q oci:odd:v1 containers-storage:localhost/odd
tar2sqfs -q image.squashfs < layer.tar
sqfs2tar image.squashfs > back.tar 2> /dev/null
same 'umoci' '644 0' "$(stat -c '%a %u' bundle/rootfs/file)"
same 'containers/storage' '600 5' "$(stat -c '%a %u' graph/vfs/dir/*/file)"
same 'tar2sqfs' '-rw-r--r-- 0/0' "$(tar --numeric-owner -tvf back.tar file | cut -d ' ' -f 1,2)"
