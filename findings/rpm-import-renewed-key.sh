#!/bin/sh
# Subject: importing a signing key again, after it got a later date of expiry or a new subkey
# Tools: rpm 4.20.1+dfsg-3, Debian 13; rpm 4.18 as installed on Debian 12; gpg as installed
# Guess: `rpmkeys --import` replaces the key, as gpg and apt's keyrings have it; or says that it does not.
# Seen: rc 0, and the old one stays: what the new subkey signed is refused by both, and by 4.20 what was
# signed after the old date. dnf 4.23 does not help: it finds the key installed. With the key erased before
# (rpm -e gpg-pubkey-...) all is well. rpm 6.1 takes the new subkey.
# Matters: a key is renewed in time, and devices that imported it before refuse updates from that day on.
set -eu
work=$(mktemp -d)
trap 'GNUPGHOME="$work/keys" gpgconf --kill all; rm -rf "$work"' EXIT
cd "$work"
mkdir -m 700 keys
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}

mmdebstrap --quiet --variant=extract --include=base-files,rpm=4.20.1+dfsg-3 trixie root
case $(rpm --version) in *' 4.18.'*) ;; *) echo 'changed: rpm is another one' >&2; exit 1 ;; esac
printf '%s\n' 'Name: app' 'Version: 1' 'Release: 1' 'Summary: t' 'License: MIT' 'BuildArch: noarch' \
    '%description' '%files' > app.spec
rpmbuild -bb --quiet -D "_topdir $work/build" -D "_rpmdir $work" -D '_rpmfilename %%{NAME}.rpm' app.spec > log 2>&1
export GNUPGHOME="$work/keys"
key() { gpg --batch --quiet --passphrase '' "$@" 2>> log; }
sign() { # PACKAGE KEY
    cp app.rpm "root/$1.rpm"
    rpmsign --addsign -D "__gpg $(command -v gpg)" -D "_gpg_name $2" "root/$1.rpm" > log 2>&1
}
last() { gpg -k --with-colons 2>> log | sed -n 's/^fpr:*\(.*\):/\1/p' | tail -n 1; }
key --quick-gen-key subkey@example rsa2048 sign 0
first=$(last)
gpg --armor --export > root/without.asc
key --quick-add-key "$first" rsa2048 sign 0
gpg --armor --export > root/with.asc
sign subkey "$(last)!"

key --faked-system-time 20200101T000000 --quick-gen-key expired@example rsa2048 sign 2021-01-01
gpg --armor --export expired@example > root/expired.asc
key --quick-set-expire "$(last)" 0
gpg --armor --export expired@example > root/renewed.asc
sign expiry "$(last)"

debian13() { chroot root rpmkeys --dbpath=/db "$@"; }
debian12() { (cd root && rpmkeys --dbpath="$work/db" "$@"); }
checked() { # RPM PACKAGE KEY...: what comes of the package when these keys were imported
    rpm=$1 package=$2
    shift 2
    rm -rf db root/db
    for file; do "$rpm" --import "$file" 2>> log || echo refused; done
    "$rpm" --checksig "$package.rpm" 2>> log | sed 's/.*: *//'
}
for rpm in debian12 debian13; do
    same "$rpm, old key and new" 'digests SIGNATURES NOT OK' "$(checked "$rpm" subkey without.asc with.asc)"
    same "$rpm, new key alone" 'digests signatures OK' "$(checked "$rpm" subkey with.asc)"
done
same 'debian13, expired key and renewed' 'digests SIGNATURES NOT OK' "$(checked debian13 expiry expired.asc renewed.asc)"
same 'debian13, renewed key alone' 'digests signatures OK' "$(checked debian13 expiry renewed.asc)"
