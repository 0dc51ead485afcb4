#!/bin/sh
# Subject: `ostree commit --tree=tar=LAYER` of a tar without a member for its root
# Tool: ostree 2022.7-2+deb12u1, Debian 12
# Guess: the members are committed; the root gets a default mode, as other parents do elsewhere.
# Seen: "Can't commit an empty tree", though the tar has directories and files. With
# --tar-autocreate-parents, whose name speaks of parents of members, it works.
# Matters: layers mostly have no root member; the message sends one to look for a broken layer.
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

debs ostree=2022.7-2+deb12u1 libostree-1-1=2022.7-2+deb12u1
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu"
mkdir directory
echo content > directory/file
tar -cf layer.tar directory
ostree init --repo=repo --mode=archive
commit() { ostree --repo=repo commit -b branch --tree=tar=layer.tar "$@" 2>&1 | sed 's/^[0-9a-f]\{64\}$/committed/'; }
same 'plain' "error: Can't commit an empty tree" "$(commit)"
same 'with the option' committed "$(commit --tar-autocreate-parents)"
