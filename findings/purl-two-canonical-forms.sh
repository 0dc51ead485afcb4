#!/bin/sh
# Subject: one package URL of an image, and of a package in it, made normal in two languages
# Tools: packageurl-python 0.17.6 from PyPI, packageurl-js 2.0.1 from npm; both of the specification's project
# Guess: the same text: a canonical form, for comparing, is what a purl is for.
# Seen: Python writes repository_url=localhost:5000/app, JavaScript localhost%3A5000%2Fapp. Python keeps
# the namespace of pkg:rpm/Fedora/..., JavaScript makes it small. Python takes an image with a namespace
# (pkg:oci/quay.io/me/app), for JavaScript it is invalid.
# Matters: two SBOMs of one image, compared by purl, have nothing in common.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
pip() { python3 -m pip install -qq --disable-pip-version-check --target lib "$@"; export PYTHONPATH="$work/lib"; }

pip packageurl-python==0.17.6
npm install --silent --prefix "$work" packageurl-js@2.0.1 > /dev/null
cat > normal.mjs << 'END'
import { PackageURL } from 'packageurl-js'
try { console.log(PackageURL.fromString(process.argv[2]).toString()) } catch (error) { console.log(error.message) }
END
python() { python3 -c 'import sys; from packageurl import PackageURL; print(PackageURL.from_string(sys.argv[1]).to_string())' "$1"; }
image='pkg:oci/app@sha256:0a1b?repository_url=localhost:5000/app'
same 'image, Python' "$image" "$(python "$image")"
same 'image, JavaScript' 'pkg:oci/app@sha256:0a1b?repository_url=localhost%3A5000%2Fapp' "$(node normal.mjs "$image")"
same 'package, Python' pkg:rpm/Fedora/bash@5.2-1 "$(python pkg:rpm/Fedora/bash@5.2-1)"
same 'package, JavaScript' pkg:rpm/fedora/bash@5.2-1 "$(node normal.mjs pkg:rpm/Fedora/bash@5.2-1)"
same 'namespace, Python' pkg:oci/quay.io/me/app "$(python pkg:oci/quay.io/me/app)"
same 'namespace, JavaScript' 'Invalid purl: oci "namespace" component must be empty' \
    "$(node normal.mjs pkg:oci/quay.io/me/app)"
