#!/bin/sh
# Subject: a package whose payload is not compressed (%_binary_payload w.ufdio)
# Tools: rpmfile 2.2.1 from PyPI; rpm 4.18 as installed
# Guess: it is read: the header says what the payload is, and stored is the simplest case.
# Seen: BadGzipFile: where the header names no compressor, rpmfile takes gzip for granted. The same
# package with a gzip payload is read.
# Matters: images are compressed already, so packages of them have stored payloads.
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
    '%install' 'mkdir %{buildroot}/d && echo hello > %{buildroot}/d/file' '%files' '/d' > t.spec
for payload in w.ufdio w9.gzdio; do
    rpmbuild -bb --quiet -D "_topdir $work/build" -D "_rpmdir $work" -D "_rpmfilename $payload.rpm" \
        -D "_binary_payload $payload" -D '_build_id_links none' t.spec > /dev/null 2>&1
    [ "$payload" = w.ufdio ] && expected=BadGzipFile || expected=hello
    same "rpmfile, $payload" "$expected" "$(python3 - "$payload.rpm" << 'END'
import sys, rpmfile
try:
    with rpmfile.open(sys.argv[1]) as package:
        print(package.extractfile("./d/file").read().decode().strip())
except OSError as error:
    print(type(error).__name__)
END
)"
done
same 'rpm2archive' ./d/file "$(rpm2archive - < w.ufdio.rpm | tar -tzf - ./d/file)"
