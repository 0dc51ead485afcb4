#!/bin/sh
# Subject: reproducible metadata by `createrepo_c --revision=N --set-timestamp-to-revision`
# Tool: createrepo-c 0.17.3-2, Debian 12; rpm 4.18 as installed; the same was seen with 1.2.0
# Guess: the same packages, byte by byte, give the same metadata: the option is for that.
# Seen: repomd.xml has the revision for its times, but primary.xml has each file's time of modification,
# so its checksum, and repomd.xml with it, depend on when a package was copied.
# Matters: a repository that is made again from the same packages has to be signed again, and each
# device fetches its metadata anew.
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
printf '%s\n' 'Name: app' 'Version: 1' 'Release: 1' 'Summary: t' 'License: MIT' 'BuildArch: noarch' \
    '%description' '%files' > app.spec
mkdir one two three
rpmbuild -bb --quiet -D "_topdir $work/build" -D "_rpmdir $work/one" -D '_rpmfilename %%{NAME}.rpm' app.spec > log 2>&1
touch -d @1000000000 one/app.rpm
cp -p one/app.rpm two/
cp one/app.rpm three/
for repository in one two three; do createrepo_c -q --revision=5 --set-timestamp-to-revision "$repository"; done
equal() { cmp -s "one/$1" "$2/$1" && echo equal || echo different; }
same 'packages' equal "$(equal app.rpm three)"
same 'metadata after cp -p' equal "$(equal repodata/repomd.xml two)"
same 'metadata after cp' different "$(equal repodata/repomd.xml three)"
same 'time in primary.xml' 1 "$(zcat one/repodata/*-primary.xml.gz | grep -c 'time file="1000000000"')"
