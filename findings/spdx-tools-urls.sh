#!/bin/sh
# Subject: where an image came from, in an SBOM (SPDX downloadLocation)
# Tool: spdx-tools 0.8.5 from PyPI
# Guess: https://localhost:5000/app and https://127.0.0.1:5000/app are URLs; quay.io/example/app:1,
# a reference without a scheme, is none.
# Seen: the other way round: the validator refuses URLs whose host is an address or has no dot, and
# takes the reference.
# Matters: an SBOM of images from a local registry is "invalid"; one with bare references is fine.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
pip() { python3 -m pip install -qq --disable-pip-version-check --target lib "$@"; export PYTHONPATH="$work/lib"; }

pip --no-deps spdx-tools==0.8.5 uritools==6.1.2 beartype==0.23.0
valid() {
    python3 -c '
import sys
from spdx_tools.spdx.validation.uri_validators import validate_download_location as check
print("refused" if check(sys.argv[1]) else "fine")' "$1"
}
same 'a host without a dot' refused "$(valid https://localhost:5000/app)"
same 'an address' refused "$(valid https://127.0.0.1:5000/app)"
same 'a name' fine "$(valid https://registry.example:5000/app)"
same 'a reference' fine "$(valid quay.io/example/app:1)"
