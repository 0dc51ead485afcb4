#!/bin/sh
# Subject: a program with the set-user-ID bit, copied into an image
# Tool: buildah 1.28.2+ds1-3+deb12u1+b3, Debian 12; the same was seen with 1.43.2
# Guess: the mode is copied, whichever way: it is a part of the file, as its capabilities are.
# Seen: COPY and ADD of a Containerfile make 0755 of 4755, without a word, and keep a file capability.
# `buildah copy`, COPY --from, COPY --chmod, and ADD of a tar with the same file keep 4755.
# Matters: one program works by three of five ways into an image; the others show it on the device.
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

debs buildah=1.28.2+ds1-3+deb12u1+b3
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$work/graph" "$work/run" > storage.conf
export CONTAINERS_STORAGE_CONF="$work/storage.conf" BUILDAH_ISOLATION=chroot
mkdir context
echo content > context/program
python3 - << 'END'
import os
ping = bytes.fromhex("0100000200200000000000000000000000000000")  # cap_net_raw=ep, as in setcap
os.setxattr("context/program", "security.capability", ping)
END
chmod 4755 context/program
tar -cf context/archive.tar -C context program
cat > context/Containerfile << 'END'
FROM scratch AS stage
ADD archive.tar /tar/
FROM scratch
COPY program /copy/
ADD program /add/
COPY --from=stage /tar/program /from/
COPY --chmod=4755 program /chmod/
END
buildah build -q -t localhost/image context > log 2>&1
container=$(buildah from localhost/image)
root=$(buildah mount "$container")
for way in copy add; do same "$way" 755 "$(stat -c %a "$root/$way/program")"; done
for way in from chmod; do same "$way" 4755 "$(stat -c %a "$root/$way/program")"; done
same 'capability of the copy' 20 \
    "$(python3 -c 'import os, sys; print(len(os.getxattr(sys.argv[1], "security.capability")))' "$root/copy/program")"
container=$(buildah from scratch)
buildah copy -q "$container" context/program / > log
same 'buildah copy' 4755 "$(stat -c %a "$(buildah mount "$container")/program")"
buildah rm -a > log
