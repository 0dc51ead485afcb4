#!/bin/sh
# Subject: licences of Fedora's packages, made normal
# Tool: license-expression 30.4.4 from PyPI
# Guess: a LicenseRef- is a name that someone else defines, so it stays as it is, or is unknown.
# Seen: LicenseRef-Fedora-Public-Domain is rewritten to LicenseRef-scancode-public-domain, without a
# word; LicenseRef-Callaway-MIT, Fedora's for old tags, is an unknown key. "Apache-2.0+", which SPDX
# allows, is unknown, too, though GPL-2.0+ is taken.
# Matters: an SBOM that was made with it differs from the License tag of the package it describes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
pip() { python3 -m pip install -qq --disable-pip-version-check --target lib "$@"; export PYTHONPATH="$work/lib"; }

pip license-expression==30.4.4
normal() {
    python3 -c '
import sys
from license_expression import get_spdx_licensing
info = get_spdx_licensing().validate(sys.argv[1])
print(info.normalized_expression, *info.errors)' "$1"
}
same 'public domain' 'LicenseRef-scancode-public-domain AND MIT' "$(normal 'LicenseRef-Fedora-Public-Domain AND MIT')"
same 'Callaway' 'None Unknown license key(s): LicenseRef-Callaway-MIT' "$(normal LicenseRef-Callaway-MIT)"
same 'plus' 'None Unknown license key(s): Apache-2.0+' "$(normal Apache-2.0+)"
same 'GPL plus' 'GPL-2.0-or-later' "$(normal GPL-2.0+)"
