#!/bin/sh
# Subject: `ostree export` of a commit with file capabilities
# Tool: ostree 2022.7-2+deb12u1, Debian 12; the same was seen with 2025.2
# Guess: they are in the tar: there is an option `--no-xattrs` to leave them out.
# Seen: they are not, with the option and without it the tar is the same: its format is GNU's, which
# has no place for them. A commit of that tar says of the file that it was modified.
# Matters: programs in a root that comes from it, as newuidmap or ping, have lost their rights.
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
echo content > tree/program
python3 -c 'import os; os.setxattr("tree/program", "user.note", b"kept")'
ostree init --repo=repo --mode=archive
ostree --repo=repo commit -b example --tree=dir=tree > /dev/null
noted() { ostree --repo=repo ls -X "$1" /program | grep -c user.note || true; }
same 'in the commit' 1 "$(noted example)"
ostree --repo=repo export example > default.tar
ostree --repo=repo export --no-xattrs example > without.tar
same 'the option changes nothing' equal "$(cmp default.tar without.tar && echo equal)"
ostree --repo=repo commit -b again --tree=tar=default.tar > /dev/null
same 'after export and commit' 0 "$(noted again)"
same 'difference' 'M /program' "$(ostree --repo=repo diff example again | tr -s ' ')"
