#!/bin/sh
# Subject: images named as podman and skopeo do, localhost/app:1 and docker.io/nginx
# Tool: oras 0.2.43 from PyPI (the Python client)
# Guess: localhost is a registry, as for every other client; an official image is under library/.
# Seen: localhost/app:1 becomes docker.io/localhost/app:1; docker.io/nginx stays without library/,
# With a port, localhost:5000/app:1, it is right.
# Matters: a push meant for this machine goes to the public registry's door.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
pip() { python3 -m pip install -qq --disable-pip-version-check --target lib "$@"; export PYTHONPATH="$work/lib"; }

pip oras==0.2.43
uri() { python3 -c 'import sys; from oras.container import Container; print(Container(sys.argv[1]).uri)' "$1"; }
same 'localhost' docker.io/localhost/app:1 "$(uri localhost/app:1)"
same 'localhost with port' localhost:5000/app:1 "$(uri localhost:5000/app:1)"
same 'official image' docker.io/nginx:latest "$(uri docker.io/nginx)"
