#!/bin/sh
# Subject: a specifier in the name of an image that a .image unit has, and a .container takes from it
# Tool: podman 5.4.2+ds1-2+b2, Debian 13; the same was seen with 5.8.6, and with 4.8.3 to 5.3.2
# Guess: both mean one image, the one that the .image unit names.
# Seen: the text is copied, and systemd expands it in each service: with %N, base.image pulls
# quay.io/me/base-image:1, and the container that has Image=base.image runs quay.io/me/app:1.
# Matters: the image that is pulled, or preloaded, by the .image unit is not the one that starts.
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
printf '[Image]\nImage=quay.io/me/%%N:1\n' > root/units/base.image
printf '[Container]\nImage=base.image\n' > root/units/app.container
QUADLET_UNIT_DIRS=/units chroot root /usr/libexec/podman/quadlet -dryrun > services 2> log
image() { # SERVICE: the last word of its ExecStart=
    sed -n "/^---$1---/,/^---/s/^ExecStart=.* //p" services
}
same 'base-image.service' 'quay.io/me/%N:1' "$(image base-image.service)"
same 'app.service' 'quay.io/me/%N:1' "$(image app.service)"
