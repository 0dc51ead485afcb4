#!/bin/sh
# Subject: two repositories merged, of which the second has a newer version of a package
# Tools: createrepo-c 0.17.3-2, Debian 12; rpm 4.18 as installed
# Guess: both versions are there, and dnf takes the newest; at worst only the newest is.
# Seen: one package for each name and architecture, that of the repository which is named first: 1.0
# stays, 2.0 is left out. `--all` keeps both.
# Matters: a mirror for devices that is merged this way goes back to an older build, and is valid.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
debs() { # PACKAGE=VERSION...
    apt-get -qq -o APT::Sandbox::User=root download "$@"
    for deb in *.deb; do dpkg -x "$deb" root; done
    PATH=$work/root/usr/bin:$PATH
}

debs createrepo-c=0.17.3-2 libcreaterepo-c0=0.17.3-2
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu"
for package in one/1.0 two/2.0; do
    printf '%s\n' 'Name: t' "Version: ${package#*/}" 'Release: 1' 'Summary: t' 'License: MIT' 'BuildArch: noarch' \
        '%description' '%files' > t.spec
    rpmbuild -bb --quiet -D "_topdir $work/build" -D "_rpmdir $work/${package%/*}" \
        -D '_rpmfilename t-%%{VERSION}.rpm' t.spec > /dev/null 2>&1
done
for repo in one two; do createrepo_c -q "$repo"; done
versions() { zcat "$1"/repodata/*-primary.xml.gz | sed -n 's/.*<version epoch="0" ver="\([^"]*\)".*/\1/p' | paste -s -d ' '; }
mergerepo_c -r one -r two -o merged > /dev/null 2>&1
mergerepo_c --all -r one -r two -o all > /dev/null 2>&1
same 'merged' 1.0 "$(versions merged)"
same 'merged, --all' '1.0 2.0' "$(versions all)"
