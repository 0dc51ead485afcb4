#!/bin/sh
# Subject: images in a new package that has `Supplements: app`, on a device that has app already
# Tools: dnf and createrepo_c as installed on Debian 12 (4.14.0, 0.17.3); rpm 4.18
# Guess: it comes with the next `dnf upgrade`, or at the latest with the next version of app.
# Seen: with neither: a package that an installed one lacks counts as unwanted
# (exclude_from_weak_autodetect), though nobody could have wanted it before. New devices get it. With
# that option off it comes with the next version of app; `Supplements: (app and app)` comes so, too.
# Matters: half of a fleet has the images, half has not, by the day of installation.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}

[ "$(dpkg-query -W -f '${Version}' dnf)" = 4.14.0-3+deb12u1 ] || { echo 'changed: dnf is another one' >&2; exit 1; }
spec() { # REPOSITORY NAME VERSION LINE
    printf '%s\n' "Name: $2" "Version: $3" 'Release: 1' 'Summary: t' 'License: MIT' 'BuildArch: noarch' "$4" \
        '%description' '%files' > t.spec
    rpmbuild -bb --quiet -D "_topdir $work/build" -D "_rpmdir $work/$1" -D '_rpmfilename %%{NAME}-%%{VERSION}.rpm' t.spec > /dev/null 2>&1
}
spec before app 1 ''
cp -r before same-app
spec same-app images 1 'Supplements: app'
spec same-app rich 1 'Supplements: (app and app)'
cp -r same-app next-app
spec next-app app 2 ''
for repository in before same-app next-app; do createrepo_c -q "$repository"; done
host() { # HOST REPOSITORY ARGUMENT...
    root=$1 repository=$2
    shift 2
    dnf -q -y --repofrompath="$repository,$work/$repository" --repo="$repository" --setopt=cachedir="$work/cache" \
        --nogpgcheck --releasever=1 --installroot="$work/$root" "$@" > /dev/null 2>&1
}
has() { rpm --root "$work/$1" -qa --qf '%{NAME}-%{VERSION}\n' | sort | paste -s -d ' '; }
host new same-app install app
same 'a new device' 'app-1 images-1 rich-1' "$(has new)"
host old before install app
cp -r old other
host old same-app upgrade
same 'upgraded' app-1 "$(has old)"
host old next-app upgrade
same 'app upgraded' 'app-2 rich-1' "$(has old)"
host other next-app upgrade --setopt=exclude_from_weak_autodetect=false
same 'app upgraded, the option off' 'app-2 images-1 rich-1' "$(has other)"
