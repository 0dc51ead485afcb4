#!/bin/sh
# Subject: keys of storage.conf in another case
# Tools: podman 4.3.1+ds1-8+deb12u1+b3, Debian 12; tomllib of Python 3.11
# Guess: TOML's keys are case-sensitive, so [Storage] is another table, which is ignored.
# Seen: podman's parser takes keys in any case. With additionalimagestores and AdditionalImageStores
# in one table, two keys by TOML, the later one alone counts.
# Matters: a tool that adds a store to the key it knows can lose the administrator's list, or its own.
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

debs podman=4.3.1+ds1-8+deb12u1+b3
mkdir a b
cat > storage.conf << END
[Storage]
Driver = "vfs"
GraphRoot = "$work/graph"
RunRoot = "$work/run"
[storage.options]
additionalimagestores = ["$work/a"]
AdditionalImageStores = ["$work/b"]
END
same 'tomllib' 'Storage storage' "$(python3 -c 'import tomllib; print(*tomllib.load(open("storage.conf", "rb")))')"
same 'podman' "vfs map[vfs.imagestore:$work/b]" "$(CONTAINERS_STORAGE_CONF=$work/storage.conf \
    podman info --format '{{.Store.GraphDriverName}} {{.Store.GraphOptions}}')"
