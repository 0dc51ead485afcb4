#!/bin/sh
# Subject: FROM with a tag and a digest, from a registry with a port
# Tool: dockerfile-ast 0.7.1 from npm
# Guess: getImageName() is the name, getImageTag() the tag, getImageDigest() the digest, as they are
# for an image of a registry without a port.
# Seen: with a port the tag is null, and the name has it: "app:1.2".
# Matters: an update tool on top of it finds no tag to compare, and looks for a repository "app:1.2".
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}

npm install --silent --prefix "$work" dockerfile-ast@0.7.1 > /dev/null
cat > parse.js << 'END'
const text = 'FROM ' + process.argv[2]
const from = require('dockerfile-ast').DockerfileParser.parse(text).getFROMs()[0]
console.log(from.getRegistry(), from.getImageName(), from.getImageTag(), from.getImageDigest())
END
same 'no port' 'quay.io app 1.2 sha256:ab' "$(node parse.js quay.io/app:1.2@sha256:ab)"
same 'port' 'localhost:5000 app:1.2 null sha256:ab' "$(node parse.js localhost:5000/app:1.2@sha256:ab)"
same 'port, no digest' 'localhost:5000 app 1.2 null' "$(node parse.js localhost:5000/app:1.2)"
