#!/bin/sh
# Subject: storage.conf with an inline table over several lines
# Tools: tomlkit 0.15.2 from PyPI, tomllib of Python 3.11; podman 4.3.1+ds1-8+deb12u1+b3, Debian 12
# Guess: tomlkit reads TOML 1.0, as it did for years, so it refuses what podman refuses.
# Seen: it takes TOML 1.1 (line breaks in inline tables, \\x41 in strings). tomllib and podman refuse,
# and podman then says of its store configuration "Failed to read".
# Matters: an editor of configurations that checks its result with tomlkit breaks podman.
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

pip tomlkit==0.15.2
debs podman=4.3.1+ds1-8+deb12u1+b3
cat > storage.conf << END
[storage]
driver = "vfs"
graphroot = "$work/graph"
runroot = "$work/run"
options = {
  additionalimagestores = ["/usr/lib/store"],
}
END
parsed() { python3 -c "import $1; print($1.loads(open('storage.conf').read())['storage']['driver'])" 2>&1 | tail -n 1 | cut -d : -f 1; }
same 'tomlkit' vfs "$(parsed tomlkit)"
same 'tomllib' tomllib.TOMLDecodeError "$(parsed tomllib)"
same 'podman' 'newlines not allowed within inline tables' "$(CONTAINERS_STORAGE_CONF=$work/storage.conf \
    podman --root "$work/graph" --runroot "$work/run" --storage-driver vfs info 2>&1 |
    grep -o 'newlines not allowed within inline tables' | head -n 1)"
