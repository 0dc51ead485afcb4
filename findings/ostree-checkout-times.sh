#!/bin/sh
# Subject: modification times in a checkout of a bare OSTree repository
# Tool: ostree 2022.7-2+deb12u1, Debian 12
# Guess: all times are 0, as OSTree keeps none; so two checkouts are equal, times included.
# Seen: files and directories have 0. Empty files have the time of the checkout (they are made anew,
# not linked), symbolic links the time at which they were committed to this repository.
# Matters: a filesystem image that is made from a checkout is not reproducible unless times are set.
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
mkdir tree
echo content > tree/file
: > tree/empty
ln -s file tree/link
touch -h -d @1000000000 tree/*
before=$(date +%s)
ostree init --repo=repo --mode=bare
ostree --repo=repo commit -b branch --tree=dir=tree > /dev/null
ostree --repo=repo checkout branch out
kind() { stat -c %Y "$1" | awk -v before="$before" '{ print $1 >= before - 2 ? "now" : $1 }'; }
same 'file' 0 "$(kind out/file)"
same 'empty file' now "$(kind out/empty)"
same 'symbolic link' now "$(kind out/link)"
