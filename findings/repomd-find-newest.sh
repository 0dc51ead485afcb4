#!/bin/sh
# Subject: the newest of a package's versions in a dnf repository
# Tools: repomd 0.2.1 and createrepo-c 1.2.5 from PyPI; rpm 4.18 as installed
# Guess: Repo.find(NAME) gives one package because it is the newest one.
# Seen: it gives the last one listed. createrepo_c sorts by file name, so that is 1.9 rather than
# 1.10, and a candidate 2.0~rc1 rather than 2.0.
# Matters: "is this build published?" is answered for another build.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
pip() { python3 -m pip install -qq --disable-pip-version-check --target lib "$@"; export PYTHONPATH="$work/lib"; }

pip repomd==0.2.1 createrepo-c==1.2.5
for version in 1.9 1.10; do
    printf '%s\n' 'Name: t' "Version: $version" 'Release: 1' 'Summary: t' 'License: MIT' 'BuildArch: noarch' \
        '%description' '%files' > t.spec
    rpmbuild -bb --quiet -D "_topdir $work/build" -D "_rpmdir $work/repo" -D '_rpmfilename t-%%{VERSION}.rpm' \
        t.spec > /dev/null 2>&1
done
lib/bin/createrepo_c -q --general-compress-type gz repo
same 'rpm' 1 "$(rpm --eval '%{lua: print(rpm.vercmp("1.10", "1.9"))}')"
same 'repomd' t-1.9-1.noarch "$(python3 -c '
import repomd, sys
print(repomd.load("file://" + sys.argv[1]).find("t").nevra)' "$work/repo")"
