#!/bin/sh
# Subject: one option more for a mount unit, in a drop-in: `Options=nodev` beside `Options=loop,ro`
# Tool: systemd 252.38-1~deb12u1, Debian 12 (systemd --test)
# Guess: loop,ro,nodev, as a list in other settings (Requires=, Environment=) grows with each line.
# Seen: nodev alone: the last line replaces what was before, and no empty line is needed for that.
# RequiresMountsFor= of the same drop-in is added.
# Matters: an administrator who hardens the mount of an image file loses loop and ro by it, and an option
# that has the label of the files.
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

debs systemd=252.38-1~deb12u1 libsystemd-shared=252.38-1~deb12u1
mkdir -p units/images.mount.d
printf '%s\n' '[Unit]' 'RequiresMountsFor=/one' '[Mount]' 'What=/image' 'Where=/images' 'Type=squashfs' 'Options=loop,ro' \
    > units/images.mount
printf '[Unit]\nRequires=images.mount\n' > units/example.target
loaded() { # NAME: the setting, as systemd has it after loading the units
    setpriv --reuid=65534 --regid=65534 --clear-groups env -i HOME=/ SYSTEMD_UNIT_PATH="$work/units:$work/root/lib/systemd/system" \
        LD_LIBRARY_PATH="$work/root/lib/x86_64-linux-gnu/systemd:$work/root/usr/lib/x86_64-linux-gnu/systemd" \
        "$work/root/lib/systemd/systemd" --test --system --no-pager --unit=example.target 2> log |
        awk -v name="$1:" '/Unit [^ ]*:$/ { mine = ($3 == "images.mount:") } mine && $1 == name { print $2 }' | paste -s -d ' '
}
chmod 755 "$work"
same 'unit alone' loop,ro "$(loaded Options)"
printf '%s\n' '[Unit]' 'RequiresMountsFor=/two' '[Mount]' 'Options=nodev' > units/images.mount.d/10-more.conf
same 'with the drop-in' nodev "$(loaded Options)"
same 'another list' '/ /image /one /two' "$(loaded RequiresMountsFor | tr ' ' '\n' | LC_ALL=C sort | paste -s -d ' ')"
