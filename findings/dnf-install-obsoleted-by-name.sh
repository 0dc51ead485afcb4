#!/bin/sh
# Subject: installing a package by its name and by what it provides, while another obsoletes it
# Tools: dnf and createrepo_c as installed on Debian 12 (4.14.0, 0.17.3); rpm 4.18
# Guess: both ways give the same package, or the same refusal.
# Seen: `dnf install app` installs other, which obsoletes app; rc 0. `dnf install app-1` and
# `dnf install 'container-image(app:1)'`, which only app provides, install app.
# Matters: a device that asks for an image by "container-image(...)" keeps the package that its
# author replaced; one that asks by name has the replacement, without that image.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}

[ "$(dpkg-query -W -f '${Version}' dnf)" = 4.14.0-3+deb12u1 ] || { echo 'changed: dnf is another one' >&2; exit 1; }
spec() {
    printf '%s\n' "Name: $1" 'Version: 1' 'Release: 1' 'Summary: t' 'License: MIT' 'BuildArch: noarch' "$2" \
        '%description' '%files' > t.spec
    rpmbuild -bb --quiet -D "_topdir $work/build" -D "_rpmdir $work/repo" -D '_rpmfilename %%{NAME}.rpm' t.spec > /dev/null 2>&1
}
spec app 'Provides: container-image(app:1)'
spec other 'Obsoletes: app < 2'
createrepo_c -q repo
installed() {
    dnf -q -y --repofrompath="t,$work/repo" --repo=t --setopt=cachedir="$work/cache" --nogpgcheck --releasever=1 \
        --installroot="$work/host" install "$1" > /dev/null 2>&1
    rpm --root "$work/host" -qa
    rm -rf "$work/host"
}
same 'by name' other-1-1.noarch "$(installed app)"
same 'by name and version' app-1-1.noarch "$(installed app-1)"
same 'by what it provides' app-1-1.noarch "$(installed 'container-image(app:1)')"
