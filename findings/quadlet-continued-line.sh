#!/bin/sh
# Subject: lines of Quadlet's units that go on in the next one, right after a word
# Tool: podman 5.4.2+ds1-2+b2, Debian 13; the same was seen with 5.8.6
# Guess: as in systemd's own units, where the backslash becomes a blank (systemd.syntax(7)).
# Seen: nothing comes in its place: two words of Exec= become one, and so do the variables of an
# Environment= in [Service], which the generator hands to systemd. Up to 5.3 it handed them on as they were.
# Matters: what worked in a .service does not in a .container: a program gets other arguments.
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
cat > root/units/app.container << 'END'
[Container]
Image=localhost/app:1
Exec=echo one\
two \
three
[Service]
Environment=A=1\
B=2
END
QUADLET_UNIT_DIRS=/units chroot root /usr/libexec/podman/quadlet -dryrun > services 2> log
same 'Exec=' 'echo onetwo three' "$(sed -n 's/^ExecStart=.* localhost.app:1 //p' services)"
same 'Environment=' 'A=1B=2' "$(sed -n 's/^Environment=\(A=.*\)/\1/p' services)"
