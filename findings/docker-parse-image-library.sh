#!/bin/sh
# Subject: an image without a namespace in a registry of one's own, localhost:5000/app
# Tool: docker-parse-image 3.0.1 from npm
# Guess: `fullname` is localhost:5000/app:latest; "library/" is Docker Hub's alone.
# Seen: localhost:5000/library/app:latest, for every registry. And localhost/app, podman's name for
# what is built locally, has no registry but the namespace "localhost".
# Matters: a mirror list written with it asks for repositories that do not exist.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}

npm install --silent --prefix "$work" docker-parse-image@3.0.1 > /dev/null
parsed() { node -p "let p = require('docker-parse-image')('$1'); [p.registry, p.namespace, p.fullname].join(' ')"; }
same 'own registry' 'localhost:5000  localhost:5000/library/app:latest' "$(parsed localhost:5000/app)"
same 'localhost' ' localhost localhost/app:latest' "$(parsed localhost/app)"
