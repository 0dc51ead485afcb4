#!/bin/sh
# Subject: a branch whose name is the beginning of some commit's checksum
# Tool: ostree 2022.7-2+deb12u1, Debian 12
# Guess: a branch that exists is what its name means; the beginning of a checksum counts where no
# branch has that name.
# Seen: rev-parse takes the commit whose checksum begins so, and not the branch; checkout gives its
# files. Names with other letters are the branch.
# Matters: a host whose branches have short names of digits and the letters a to f ("a", "b", "43")
# deploys another operating system once a commit happens to begin so: one commit in 16 for a name of
# one letter.
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
ostree init --repo=repo --mode=bare-user-only
commit() { # BRANCH TEXT
    rm -rf tree
    mkdir tree
    echo "$2" > tree/name
    ostree --repo=repo commit -b "$1" --tree=dir=tree --timestamp='2026-01-01 00:00:00 +0000' --owner-uid=0 --owner-gid=0
}
named() { # NAME: what is in a checkout of it
    rm -rf out
    ostree --repo=repo checkout --user-mode "$1" out
    cat out/name
}

old=$(commit stable old)
letter=$(printf %.1s "$old")
# Another commit, on a branch that is called as the first one's checksum begins
text=new
new=$(commit "$letter" "$text")
while [ "$(printf %.1s "$new")" = "$letter" ]; do
    text=$text.
    new=$(commit "$letter" "$text")
done
same 'the branch is there' "$letter" "$(ostree --repo=repo refs --list | grep -x "$letter")"
same 'rev-parse gives the other commit' "$old" "$(ostree --repo=repo rev-parse "$letter")"
same 'so does checkout' old "$(named "$letter")"
same 'a branch of another name' "$(commit "os/$letter" last)" "$(ostree --repo=repo rev-parse "os/$letter")"
