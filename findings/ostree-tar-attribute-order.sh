#!/bin/sh
# Subject: `ostree commit --tree=tar=` of a file with two extended attributes, in alphabetical order
# Tool: ostree 2022.7-2+deb12u1, Debian 12; 2025.2 (Debian 13) does as guessed
# Guess: the same object as from a directory with that file: attributes are a set, and are sorted.
# Seen: another checksum, so `ostree diff` of the two commits says that it was modified. In a bare
# repository `ostree fsck` calls the object corrupted, right after the commit. With the attributes in the
# other order in the tar all is well.
# Matters: layers with a file capability and a label; a host that was made from them looks damaged.
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
cat > make.py << 'END'
import io, os, tarfile
os.mkdir("tree")
with open("tree/file", "wb") as file:
    file.write(b"content")
os.chmod("tree", 0o755)
os.chmod("tree/file", 0o644)
for name in ("user.one", "user.two"):
    os.setxattr("tree/file", name, b"1")
for name, order in (("up", ("one", "two")), ("down", ("two", "one"))):
    with tarfile.open(f"{name}.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        root = tarfile.TarInfo("./")
        root.type, root.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(root)
        member = tarfile.TarInfo("./file")
        member.size, member.mode = 7, 0o644
        member.pax_headers = {f"SCHILY.xattr.user.{each}": "1" for each in order}
        tar.addfile(member, io.BytesIO(b"content"))
END
python3 make.py
compared() { # TAR: the difference from the directory, and what is said of the repository
    rm -rf repo
    ostree init --repo=repo --mode=bare
    ostree --repo=repo commit -b from-directory --tree=dir=tree > log
    ostree --repo=repo commit -b from-tar --tree=tar="$1" > log
    ostree --repo=repo diff from-directory from-tar | tr -s ' '
    ostree --repo=repo fsck > log 2>&1 || grep -o 'Corrupted file object' log
}
same 'alphabetical' 'M /file Corrupted file object' "$(compared up.tar | paste -s -d ' ')"
same 'the other order' '' "$(compared down.tar)"
