#!/bin/sh
# Subject: booleans in Quadlet's units, written as systemd allows: y, t, n, f
# Tool: podman 5.4.2+ds1-2+b2, Debian 13; the same was seen with 5.8.6
# Guess: as in the rest of the file, where systemd takes 1, yes, y, true, t and on; or a warning.
# Seen: y and t are no, and nothing is said: `RunInit=y` becomes --init=false, and
# `NoNewPrivileges=t` adds no option. 1, yes, true, on are yes, in any case.
# Matters: a container that was to be confined runs without that; --init=false also overrides what
# containers.conf has.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
debian13() { # PACKAGE=VERSION...: unpacks them, and what they need, in root
    mmdebstrap --quiet --variant=extract --include="$(echo base-files "$*" | tr ' ' ,)" trixie root
}

debian13 podman=5.4.2+ds1-2+b2
mkdir -p root/units
unit() { # VALUE: options that the generator makes of it
    printf '[Container]\nImage=localhost/app:1\nRunInit=%s\nNoNewPrivileges=%s\n' "$1" "$1" > root/units/app.container
    QUADLET_UNIT_DIRS=/units chroot root /usr/libexec/podman/quadlet -dryrun 2> log |
        sed -n 's/^ExecStart=//p' | tr ' ' '\n' | grep -e '^--init' -e '^--security' | tr '\n' ' '
    grep -v -e 'Loading' log || true
}
for value in 1 yes true on Yes; do
    same "$value" '--init --security-opt=no-new-privileges ' "$(unit "$value")"
done
for value in y t Y T no n; do same "$value" '--init=false ' "$(unit "$value")"; done
