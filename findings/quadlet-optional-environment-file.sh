#!/bin/sh
# Subject: `EnvironmentFile=-/etc/app.env` in a .container, a file that need not be there
# Tool: podman 5.4.2+ds1-2+b2, Debian 13; the same was seen with 5.8.6
# Guess: optional, as with systemd's own key of that name; or an error for the dash.
# Seen: a path below the unit's directory, --env-file DIRECTORY/-/etc/app.env, without a warning, whether
# the file is there or not.
# Matters: the container does not start on any device, with an error about a file that nobody named.
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
echo KEY=value > root/etc/app.env
file() { # VALUE: what the generator makes of it, and what else it says
    printf '[Container]\nImage=localhost/app:1\nEnvironmentFile=%s\n' "$1" > root/units/app.container
    QUADLET_UNIT_DIRS=/units chroot root /usr/libexec/podman/quadlet -dryrun 2> log |
        sed -n 's/^ExecStart=.* --env-file \([^ ]*\) .*/\1/p'
    grep -v -e 'Loading' log || true
}
same 'a path' /etc/app.env "$(file /etc/app.env)"
same 'with a dash' /units/-/etc/app.env "$(file -/etc/app.env)"
