#!/bin/sh
# Subject: an image without a tag, from a registry with a port
# Tool: containerimage-py 1.1.4 from PyPI
# Guess: the tag is latest, as for an image of a registry without a port.
# Seen: "Not a valid tag or digest ref", from an object that validate() finds valid.
# Matters: registries on devices and in tests have ports; a list with such a name stops there.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
pip() { python3 -m pip install -qq --disable-pip-version-check --target lib "$@"; export PYTHONPATH="$work/lib"; }

pip containerimage-py==1.1.4
tag() {
    python3 -c '
import sys
from image.reference import ContainerImageReference
image = ContainerImageReference(sys.argv[1])
try:
    print(image.validate()[0], image.get_identifier())
except Exception as error:
    print(str(error).split(":")[0])' "$1"
}
same 'no port' 'True latest' "$(tag registry.example/app)"
same 'port' 'Not a valid tag or digest ref' "$(tag registry.example:5000/app)"
same 'port and tag' 'True 1' "$(tag registry.example:5000/app:1)"
