#!/bin/sh
# Subject: registries.conf with an entry for a registry, and an image of the same host with a port
# Tool: skopeo 1.9.3+ds1-1+b10, Debian 12; 1.18 and 1.22 do the same
# Guess: the entry with the prefix 127.0.0.1 is not for 127.0.0.1:1/app: by name and port that is
# another registry, and entries compare whole components.
# Seen: it matches, as the text that follows begins with a colon, like a tag. With a location of its own
# the image cannot be had at all, "rewriting reference: invalid reference format"; the same entry works
# for an image without a port. A wildcard (*.example) does the same.
# Matters: a mirror for one registry of a host breaks the pulls from the other, and the message names
# neither.
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

debs skopeo=1.9.3+ds1-1+b10
asked() { # PREFIX IMAGE: what becomes of the image with an entry that has this prefix
    printf '[[registry]]\nprefix = "%s"\nlocation = "127.0.0.2:2/cache"\n' "$1" > registries.conf
    skopeo --registries-conf registries.conf inspect "docker://$2" 2>&1 |
        grep -o -m 1 -e 'pinging container registry [0-9.:]*' -e 'rewriting reference: .* format'
}
same 'no port' 'pinging container registry 127.0.0.2:2:' "$(asked 127.0.0.1 127.0.0.1/app:1)"
same 'with a port' 'rewriting reference: invalid reference format' "$(asked 127.0.0.1 127.0.0.1:1/app:1)"
same 'prefix with a port' 'pinging container registry 127.0.0.2:2:' "$(asked 127.0.0.1:1 127.0.0.1:1/app:1)"
same 'wildcard, no port' 'pinging container registry 127.0.0.2:2:' "$(asked '*.example' registry.example/app:1)"
same 'wildcard, with a port' 'rewriting reference: invalid reference format' \
    "$(asked '*.example' registry.example:5000/app:1)"
