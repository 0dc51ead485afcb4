#!/bin/sh
# Subject: a configuration of mirrors that CONTAINERS_REGISTRIES_CONF names
# Tools: skopeo 1.9.3+ds1-1+b10, podman 4.3.1+ds1-8+deb12u1+b3, buildah 1.28.2+ds1-3+deb12u1+b3, Debian 12
# Guess: all three read it: they share the library that does, and CONTAINERS_STORAGE_CONF they do all read.
# Seen: podman and buildah ask the mirror. skopeo asks the registry alone and says nothing; so do 1.18
# and 1.22. Its option --registries-conf, which the help does not show, works.
# Matters: behind a mirror "podman pull" works and "skopeo copy" does not, or the other way round: what
# was to be kept from the public registry asks it.
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

debs skopeo=1.9.3+ds1-1+b10 podman=4.3.1+ds1-8+deb12u1+b3 buildah=1.28.2+ds1-3+deb12u1+b3
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$work/graph" "$work/run" > storage.conf
export CONTAINERS_STORAGE_CONF="$work/storage.conf"
printf '[[registry]]\nlocation = "%s"\n[[registry.mirror]]\nlocation = "%s"\n' 127.0.0.1:1 127.0.0.1:2 > mirrors.conf
export CONTAINERS_REGISTRIES_CONF="$work/mirrors.conf"
asked() { "$@" 2>&1 | grep -q 'Mirrors also failed: .127.0.0.1:2/app:1:' && echo mirror || echo 'no mirror'; }
image=127.0.0.1:1/app:1  # where nothing listens
same 'podman' mirror "$(asked podman pull "$image")"
same 'buildah' mirror "$(asked buildah pull "$image")"
same 'skopeo' 'no mirror' "$(asked skopeo inspect "docker://$image")"
same 'skopeo with the option' mirror "$(asked skopeo --registries-conf mirrors.conf inspect "docker://$image")"
same 'option in the help' 0 "$(skopeo --help | grep -c registries-conf || true)"
