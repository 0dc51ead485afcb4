#!/bin/sh
# Subject: the build time that rpmbuild takes from a changelog (source_date_epoch_from_changelog)
# Tools: rpm as installed on Debian 12 (4.18.0); 4.20.1 (Debian 13) and 6.1.0 (sid) do the same
# Guess: an entry of any valid date sets the time; a date that rpm does not take fails the build.
# Seen: 1990-01-01 sets it. For 1980-01-01 rpmbuild says "error: bad date in %changelog", then "%changelog
# is missing", and goes on: exit status 0, a package without changelog, of the clock's time.
# Matters: 1970 and 1980 are what reproducible images say of when they were made (ko, Bazel, buildpacks,
# Nix). A spec that is dated by its image is reproducible where SOURCE_DATE_EPOCH is set, and has
# the farm's clock in it from mock and Copr, which take the changelog.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}

[ "$(dpkg-query -W -f '${Version}' rpm)" = 4.18.0+dfsg-1+deb12u1 ] || { echo 'changed: rpm is another one' >&2; exit 1; }
before=$(date +%s)
build() { # DATE
    printf '%s\n' '%global source_date_epoch_from_changelog 1' '%global use_source_date_epoch_as_buildtime 1' \
        'Name: t' 'Version: 1' 'Release: 1' 'Summary: t' 'License: MIT' 'BuildArch: noarch' '%description' '%files' \
        '%changelog' "* $1 me - 1-1" '- one' > t.spec
    status=0
    env -u SOURCE_DATE_EPOCH LC_ALL=C rpmbuild -bb -D "_topdir $work/build" t.spec > said 2>&1 || status=$?
    time=$(rpm -qp --qf '%{BUILDTIME}' build/RPMS/noarch/t-1-1.noarch.rpm)
    [ "$time" -lt "$before" ] || time='the clock'
    printf '%s, %s, changelog of %s' "$status" "$time" "$(rpm -qp --qf '%{CHANGELOGTIME}' build/RPMS/noarch/t-1-1.noarch.rpm)"
}
same '1990' '0, 631152000, changelog of 631152000' "$(build 'Mon Jan 1 00:00:00 UTC 1990')"
same '1980' '0, the clock, changelog of (none)' "$(build 'Tue Jan 1 00:00:00 UTC 1980')"
same 'what it says' 1 "$(grep -c '^error: bad date in %changelog' said)"
same 'and after that' yes "$(grep -q 'source_date_epoch_from_changelog set but %changelog is missing' said && echo yes)"
