#!/bin/sh
# Are the container images of packages there? One line for each check:
#   ok|WARN|FAIL  check: what (what to do)
# The exit code is 0 without a FAIL, 1 with one, 2 when it is called in a wrong way.
#
# /usr/libexec/paack/NAME/doctor is a link to it, and looks at the package NAME. On a device it has no
# comments; those are in paack's specs/device.
program='@PROGRAM@'

PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin
LC_ALL=C
export PATH LC_ALL
unset CDPATH CONTAINERS_CONF CONTAINERS_CONF_OVERRIDE CONTAINERS_STORAGE_CONF \
    CONTAINERS_STORAGE_CONF_OVERRIDE CONTAINER_CONNECTION CONTAINER_HOST STORAGE_DRIVER STORAGE_OPTS \
    XDG_CONFIG_HOME
# shellcheck source=/dev/null
. "$program/library"
IFS=$newline
set -u -f
umask 077

usage() {
    cat >&2 <<'END'
usage: doctor [--all] [--deep] [--json] [--quiet] [--repair [--keep-containers] [--force]] | --list
  --all      all packages with images, not only the one in whose directory this is
  --deep     read each store file and pack, and compare it with the digest that rpm, or its name, has
  --json     print one JSON object
  --quiet    print what is not ok
  --repair   do not look at images, but
             - list the stores of packages, and of layers that they need, where podman and CRI-O read
               it; take stores of layers that are gone off the list
             - add names to images in container storage that it would hide from a store's images
             - remove records in container storage that need a layer which is gone: images, layers,
               and containers with what was written in them
  --keep-containers
             but no container, and nothing that one is made of
  --force    do that although CRI-O or podman runs
  --list     only have CRI-O list its images: until then it may not find all of them
  --elected  do nothing if a newer program of this kind is here: so one of all looks at a boot
END
    exit 2
}

# say ok|WARN|FAIL CHECK WHAT [CURE]
say() {
    [ "$1" != FAIL ] || failed=1
    [ -z "$quiet" ] || [ "$1" != ok ] || return 0
    text=$3${4:+ ($4)}
    case $text in *[!\ -~]*) text=$(printf '%s' "$text" | tr '\n' ' ' | tr -c ' -~' '?') ;; esac
    if [ -z "$json" ]; then
        printf '%-4s  %s: %s\n' "$1" "$2" "$text"
        return
    fi
    case $text in *[\"\\]*) text=$(printf '%s\n' "$text" | sed 's/["\\]/\\&/g') ;; esac
    text="\"status\":\"$1\",\"check\":\"$2\",\"message\":\"$text\""
    checks="$checks${checks:+,}{$text}"
}

# Runs a program that might hang, with what the doctor has open closed.
call() {
    timeout 60 "$@" 9<&-
}

is_here() {
    command -v "$1" >/dev/null
}

# Is the line $2 among the lines $1?
has_line() {
    case $newline$1$newline in *"$newline$2$newline"*) ;; *) return 1 ;; esac
}

# Has no other program a higher number, or hash? Their names are in order.
is_elected() {
    own=${program##*/}
    newer=
    set +f
    for other in "${program%/*}"/*-*/doctor; do
        other=${other%/doctor}
        other=${other##*/}
        case ${other%%-*} in *[!0-9]*) continue ;; esac
        [ "${other%%-*}" -le "${own%%-*}" ] || newer=$other
        [ "${other%%-*}" -ne "${own%%-*}" ] || last=$other
    done
    set -f
    [ -z "$newer" ] && [ "${last-$own}" = "$own" ]
}

# Sets mounts: where something of paack is mounted, and its source, on a line each; of two on one place
# the last one.
read_mounts() {
    mounts=$newline$(awk '
        $2 ~ "^/run/paack/" { source[$2] = $1 }
        END { for (where in source) print where " " source[where] }' /proc/self/mounts)$newline
}

# Sets source to what is mounted on $1, or to nothing.
find_source() {
    source=
    case $mounts in
    *"$newline$1 "*)
        source=${mounts##*"$newline$1 "}
        source=${source%%"$newline"*}
        ;;
    esac
}

# Sets real to where the directory $1 really is, or to nothing. It is asked of the same ones again.
known_reals=$newline
find_real() {
    case $known_reals in
    *"$newline$1 "*)
        real=${known_reals#*"$newline$1 "}
        real=${real%%"$newline"*}
        return
        ;;
    esac
    real=
    case $1 in /*)
        # No process is made for it: there may be many.
        if cd -P "$1" 2>/dev/null; then
            real=$PWD
            cd /
        fi
        ;;
    esac
    known_reals="$known_reals$1 $real$newline"
}

# Sets cure: what helps when files of the package $1 are not there, or it is not.
find_install_cure() {
    cure="dnf install $1"
    ! is_here rpm || ! call rpm -q "$1" >/dev/null 2>&1 || reinstall "$1"
}

# Sets cure: what helps when files of the package $1 are not as it brought them.
reinstall() {
    cure="dnf reinstall $1"
    [ ! -e /run/ostree-booted ] || cure="rpm-ostree rollback"
}
