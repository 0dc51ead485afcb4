# shellcheck shell=sh
# The list of additional image stores in storage.conf, for podman before 6 and for CRI-O.
#
#   paack_storage_add PATH      PATH is listed in [storage.options] additionalimagestores, once.
#                               0: listed, or a message says why not; 2: PATH is not usable.
#   paack_storage_remove PATH   PATH is not listed. 0: so it is; 1: it is still listed, a message
#                               says why and what to do; 2: PATH is not usable.
#
# These tools read one file: /etc/containers/storage.conf, or else /usr/share/containers's.
# Both functions change nothing but the entry, may be repeated, and replace the file atomically.
#
# Where a new entry goes: to the end of the list, in the list's own style (trailing comma, one
# entry a line). A missing list is added as the first key of [storage.options], a missing table at
# the end of the file; such lines end in "# added by paack" and go again with the last entry.
# Names are compared as the tools do: /a//b/ is /a/b, and keys in any case are the same.
#
# Without /etc/containers/storage.conf it is made: a copy of the one in /usr/share, or else the
# tools' own defaults (with a file but no runroot and graphroot in it, they do not start). Its two
# lines of header hold the checksum of what follows as it was without our entries; when it is so
# again, the file is removed. While it is there, a file that comes to /usr/share is not read: add
# must run after the package that has that file was installed.
#
# Refused, with the file left alone:
# - what is not TOML. Checked are UTF-8, control characters and the grammar, but not whether a date
#   like 2026-13-32 exists or a key comes twice, outside of the tables that are edited here;
# - [storage] or [storage.options] that comes twice, is an array of tables, or is an inline table
#   that lacks the list; a list that is none, or has other things than strings in it;
# - a storage driver other than overlay, set in it or found in /var/lib/containers/storage: with a
#   read-only store in the list its tools would not start;
# - a link that leads nowhere, and all files below /usr: those are other packages'.
# An entry there, or in a file that cannot be read or written, makes paack_storage_remove fail: a
# listed store that is gone stops podman and CRI-O.
#
# PAACK_ROOT: for tests, a directory to use instead of /.

paack_storage_add() (
    paack_storage_open "${1-}" || exit 2
    if ! paack_storage_try_add; then
        paack_storage_say "$path is not listed in $file: $problem"
        paack_storage_say "until additionalimagestores in [storage.options] there has it," \
            "podman before version 6 does not see its images"
    fi
    exit 0
)

paack_storage_remove() (
    paack_storage_open "${1-}" || exit 2
    if ! paack_storage_try_remove; then
        paack_storage_say "$path is still listed in $file: $problem"
        paack_storage_say "remove it there from additionalimagestores in [storage.options]," \
            "then try again: podman and CRI-O do not start with a listed store that is gone"
        exit 1
    fi
    exit 0
)

paack_storage_say() {
    printf 'paack: %s\n' "$*" >&2
}

# Sets path, root, conf and vendor (the two names), file (what the tools read, links resolved; conf
# when there is none), kind (etc, usr or none) and problem (why file cannot be edited, or nothing).
paack_storage_open() {
    LC_ALL=C
    export LC_ALL
    umask 022
    path=$1
    case $path in
    [!/]* | *[!A-Za-z0-9._+/-]* | / | '')
        paack_storage_say "not a path of a store: '$path'"
        return 1
        ;;
    esac
    root=$(cd -P "${PAACK_ROOT:-/}" && pwd -P) || return 1
    root=${root%/}
    conf=$root/etc/containers/storage.conf
    vendor=$root/usr/share/containers/storage.conf
    file=$conf
    kind=none
    problem=
    if ! paack_storage_follow; then
        file=$conf
        problem='it is a link that leads nowhere'
    elif [ -e "$file" ]; then
        kind=etc
    elif [ -e "$vendor" ]; then
        file=$vendor
    fi
    case $file in "$root"/usr/*) kind=usr ;; esac
    temporary=${conf%/*}/.storage.conf.paack
    [ "$kind" != etc ] || temporary=${file%/*}/.storage.conf.paack
    paack_storage_clear
    [ "$kind" = none ] || paack_storage_readable
}

# Resolves the links of $file and counts them in links; fails when nothing is there.
paack_storage_follow() {
    links=0
    while [ -h "$file" ]; do
        links=$((links + 1))
        link=$(readlink "$file") && [ "$links" -le 40 ] || return 1
        case $link in
        /*) file=$root$link ;;
        *) file=${file%/*}/$link ;;
        esac
        directory=$(cd -P "${file%/*}" 2>/dev/null && pwd -P) || return 1
        file=$directory/${file##*/}
    done
    [ "$links" = 0 ] || [ -e "$file" ]
}

paack_storage_readable() {
    if ! [ -f "$file" ] || ! [ -r "$file" ]; then
        problem='it cannot be read'
    elif [ "$(tr -d '\011\012\015\040-\176\200-\377' <"$file" | wc -c)" -ne 0 ]; then
        problem='it is not TOML: there are control characters in it'
    fi
}

paack_storage_try_add() {
    [ -z "$problem" ] || return 1
    case $kind in
    none)
        before=$(paack_storage_defaults && echo x)
        paack_storage_make "the tools' own defaults, as there was none"
        ;;
    usr)
        paack_storage_edit add || return 1
        [ "$after" != "$before" ] || return 0
        if [ "$links" != 0 ]; then
            problem="$conf is a link to a file of another package"
            return 1
        fi
        paack_storage_make "a copy of ${vendor#"$root"}, which is not read while this one is here"
        ;;
    etc)
        paack_storage_edit add || return 1
        [ "$after" = "$before" ] || paack_storage_replace
        ;;
    esac
}

paack_storage_try_remove() {
    [ "$kind" != none ] || return 0
    [ -n "$problem" ] || paack_storage_edit remove || :
    if [ -n "$problem" ]; then
        # What is not even mentioned is not listed.
        [ -f "$file" ] || return 1
        grep -F -q -e "$path" "$file" 2>/dev/null && return 1
        [ $? = 1 ]
        return
    fi
    if [ "$kind" = etc ] && [ "$file" = "$conf" ] && paack_storage_is_base; then
        paack_storage_unmake && return 0
    fi
    [ "$after" != "$before" ] || return 0
    if [ "$kind" = usr ]; then
        problem="that is a file of another package"
        return 1
    fi
    paack_storage_replace
}

paack_storage_defaults() {
    cat <<'END'
[storage]
driver = "overlay"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"

[storage.options]
additionalimagestores = [
]
END
}

# Makes $conf of $before; $1 tells where that is from.
paack_storage_make() {
    if [ "$kind" = none ]; then
        for images in "$root"/var/lib/containers/storage/*-images; do
            driver=${images##*/}
            driver=${driver%-images}
            case $driver in overlay | '*') continue ;; esac
            [ ! -e "${images%/*}/overlay-images" ] || continue
            problem="this host's storage is of the driver $driver, its store needs overlay"
            return 1
        done
    fi
    file=$conf
    made="this file"
    if [ ! -d "${conf%/*}" ]; then
        made="this file and its directory"
        if ! mkdir -p "${conf%/*}" 2>/dev/null; then
            problem='it cannot be written'
            return 1
        fi
    fi
    paack_storage_awk add || return 1
    sum=$(printf '%s' "${before%x}" | cksum)
    after="# paack made $made: $1.$newline$(paack_storage_note "$sum")$newline$after"
    paack_storage_commit
}

paack_storage_note() {
    echo "# It goes with the last of paack's entries, if nothing else in it was changed (cksum $1)"
}

# Is $file one that paack made, and $after what it made it of?
paack_storage_is_base() {
    second=${before#*"
"}
    second=${second%%"
"*}
    case $second in
    "# It goes with the last of paack's entries, "*"(cksum "*")") ;;
    *) return 1 ;;
    esac
    second=${second##*"(cksum "}
    [ "$second" != ")" ] || return 1
    [ "$(printf '%s' "${after%x}" | tail -n +3 | cksum)" = "${second%)}" ]
}

paack_storage_unmake() {
    rm -f "$file" 2>/dev/null || return 1
    case ${before%%"
"*} in
    *"and its directory:"*) rmdir "${file%/*}" 2>/dev/null || : ;;
    esac
}

# Makes $after the content of $file, which keeps its mode, owner and label.
paack_storage_replace() {
    if ! cp -p "$file" "$temporary" 2>/dev/null; then
        paack_storage_clear
        problem='it cannot be written'
        return 1
    fi
    chcon --reference="$file" "$temporary" 2>/dev/null || :
    paack_storage_commit
}

# What a killed run left behind, or this one cannot use.
paack_storage_clear() {
    [ ! -e "$temporary" ] || rm -f "$temporary" 2>/dev/null || :
}

paack_storage_commit() {
    { printf '%s' "${after%x}" >"$temporary"; } 2>/dev/null || :
    if [ -f "$temporary" ] && [ "$(cat "$temporary" && echo x)" = "$after" ]; then
        # After a power loss the file is the old one or the new one, but not empty.
        sync "$temporary" 2>/dev/null || sync 2>/dev/null || :
        mv -f "$temporary" "$file" 2>/dev/null && return 0
    fi
    paack_storage_clear
    problem='it cannot be written'
    return 1
}

# Sets before and after: the content of $file, and what the action $1 (add or remove) makes of it.
# An x is put behind both, as the shell drops newlines at the end.
paack_storage_edit() {
    if ! before=$(cat "$file" 2>/dev/null && echo x); then
        problem='it cannot be read'
        return 1
    fi
    paack_storage_awk "$1"
}

# Sets after, or problem: why $before is not edited.
paack_storage_awk() {
    after=$(printf '%s\n' "$before" | paack_storage_toml "$1") && return 0
    problem=${after:-awk does not work}
    return 1
}

# Prints what the action $1 makes of the TOML text that it reads, or why not, and fails. Both texts
# have an x behind them, so that awk sees whether the last line ends in a newline.
paack_storage_toml() {
    paack_toml "$1" "$path"
}
