#!/bin/sh
# Subject: two names of one file in a package
# Tools: rpmfile 2.2.1 from PyPI; rpm 4.18 as installed
# Guess: both names give the content, as after an installation.
# Seen: only the last name does; the others are empty, without an error. In a cpio the content comes
# once, with the last link, and rpmfile does not look further.
# Matters: a scanner of packages on top of it sees an empty program where the device has a real one.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
pip() { python3 -m pip install -qq --disable-pip-version-check --target lib "$@"; export PYTHONPATH="$work/lib"; }

pip rpmfile==2.2.1
printf '%s\n' 'Name: t' 'Version: 1' 'Release: 1' 'Summary: t' 'License: MIT' 'BuildArch: noarch' '%description' \
    '%install' 'mkdir %{buildroot}/d && echo hello > %{buildroot}/d/one && ln %{buildroot}/d/one %{buildroot}/d/two' \
    '%files' '/d' > t.spec
rpmbuild -bb --quiet -D "_topdir $work/build" -D "_rpmdir $work" -D '_rpmfilename t.rpm' -D '_binary_payload w9.gzdio' \
    t.spec > /dev/null 2>&1
same 'rpm' '6 6' "$(rpm -qp --qf '[%{FILESIZES} ]' t.rpm | cut -d ' ' -f 2,3)"
same 'rpmfile' "[b'', b'hello\\n']" "$(python3 -c '
import rpmfile
with rpmfile.open("t.rpm") as package:
    print([package.extractfile(name).read() for name in ("./d/one", "./d/two")])')"
