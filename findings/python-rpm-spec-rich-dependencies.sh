#!/bin/sh
# Subject: a spec with a conditional dependency, Requires: (crio if microshift)
# Tool: python-rpm-spec 0.18.0 from PyPI (module pyrpm)
# Guess: one requirement, since rpm has had these for ten years.
# Seen: three of them: "(crio", "if" and "microshift)".
# Matters: a tool that works out from specs what must be in a repository looks for a package "if".
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
pip() { python3 -m pip install -qq --disable-pip-version-check --target lib "$@"; export PYTHONPATH="$work/lib"; }

pip python-rpm-spec==0.18.0
printf '%s\n' 'Name: t' 'Version: 1' 'Release: 1' 'Summary: t' 'License: MIT' 'BuildArch: noarch' \
    'Requires: (crio if microshift)' '%description' '%files' > t.spec
same 'rpm' '(crio if microshift)' "$(rpmspec -q --requires t.spec | grep -v '^rpmlib')"
same 'pyrpm' '(crio|if|microshift)' "$(python3 -c '
from pyrpm.spec import Spec
print(*(str(r.name) for r in Spec.from_file("t.spec").requires), sep="|")')"
