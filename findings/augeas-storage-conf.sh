#!/bin/sh
# Subject: additionalimagestores in storage.conf, read with Augeas' lens for TOML
# Tool: augeas-tools, augeas-lenses, libaugeas0 1.14.0-1+deb12u1, Debian 12
# Guess: it reads lists as TOML has them.
# Seen: a comma after the last entry, a list that holds a comment alone, and an entry of another type
# (["/store", {append = true}], as podman 6 takes it in a drop-in) each make the whole file unreadable.
# Matters: Puppet and Ansible modules on top of it see no store, or cannot set the one key they want.
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

debs augeas-tools=1.14.0-1+deb12u1 augeas-lenses=1.14.0-1+deb12u1 libaugeas0=1.14.0-1+deb12u1
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu"
mkdir -p host/etc/containers
read_list() {
    printf '[storage.options]\nadditionalimagestores = %b\n' "$1" > host/etc/containers/storage.conf
    python3 -c 'import tomllib; tomllib.load(open("host/etc/containers/storage.conf", "rb"))'
    augtool -I root/usr/share/augeas/lenses/dist -r "$work/host" --noautoload \
        -t 'Toml incl /etc/containers/storage.conf' print /augeas//error |
        grep -o parse_failed || echo read
}
same 'plain' read "$(read_list '["/store"]')"
same 'over lines, with a comment' read "$(read_list '[\n"/store", # ours\n"/other"\n]')"
same 'comma at the end' parse_failed "$(read_list '[\n"/store",\n]')"
same 'a comment alone' parse_failed "$(read_list '[\n# none\n]')"
same 'with a table' parse_failed "$(read_list '["/store", {append = true}]')"
