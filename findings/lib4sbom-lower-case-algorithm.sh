#!/bin/sh
# Subject: the checksum of an image in an SBOM, from its digest "sha256:..."
# Tool: lib4sbom 0.10.4 from PyPI
# Guess: set_checksum("sha256", HEX) is SHA256, or an error.
# Seen: nothing is set, and nothing is said. "SHA256" is taken, and capital digits are made small. A
# download location is dropped in the same way when it is "docker://...", or when its host has no dot
# or ends in more than five letters, as in "https://registry.example/app".
# Matters: image formats write algorithms in small letters; the SBOM has no digest and looks fine.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
pip() { python3 -m pip install -qq --disable-pip-version-check --target lib "$@"; export PYTHONPATH="$work/lib"; }

pip lib4sbom==0.10.4
package() {
    python3 -c '
import sys
from lib4sbom.data.package import SBOMPackage
package = SBOMPackage()
package.initialise()
exec(sys.argv[1])
print(*package.get_package())' "$1"
}
same 'SHA256' checksum "$(package 'package.set_checksum("SHA256", "A" * 64)')"
same 'sha256' '' "$(package 'package.set_checksum("sha256", "a" * 64)')"
same 'https' downloadlocation "$(package 'package.set_downloadlocation("https://quay.io/app")')"
same 'a long domain' '' "$(package 'package.set_downloadlocation("https://registry.example/app")')"
same 'docker' '' "$(package 'package.set_downloadlocation("docker://quay.io/app")')"
same 'localhost' '' "$(package 'package.set_downloadlocation("https://localhost:5000/app")')"
