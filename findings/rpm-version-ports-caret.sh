#!/bin/sh
# Subject: versions of snapshots with a caret, 1.0^1 against 1.0.1
# Tools: rpm-vercmp 0.1.2 and version-utils 0.3.2 from PyPI, which are ports of rpm's comparison
# Guess: as rpm, for which 1.0^1 (a snapshot after 1.0) is older than 1.0.1.
# Seen: both ports call them equal: the caret is a separator to them. "1.0" against "1.0^1" comes out
# right by luck, so a first try does not show it.
# Matters: a job that asks such a library whether a repository has the newest build never updates.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
pip() { python3 -m pip install -qq --disable-pip-version-check --target lib "$@"; export PYTHONPATH="$work/lib"; }

pip rpm-vercmp==0.1.2 version-utils==0.3.2
same 'rpm' '-1 -1' "$(rpm --eval '%{lua: print(rpm.vercmp("1.0^1", "1.0.1"), rpm.vercmp("1.0", "1.0^1"))}' | tr '\t' ' ')"
same 'rpm-vercmp' '0 -1' "$(python3 -c '
from rpm_vercmp import vercmp
print(vercmp("1.0^1", "1.0.1"), vercmp("1.0", "1.0^1"))')"
same 'version-utils' '0 -1' "$(python3 -c '
from version_utils.rpm import compare_versions
print(compare_versions("1.0^1", "1.0.1"), compare_versions("1.0", "1.0^1"))')"
