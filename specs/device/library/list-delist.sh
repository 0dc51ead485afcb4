# shellcheck shell=sh
# Where a store is listed. A listed store that is missing stops podman and CRI-O, so all this is
# written when the store is there and removed before it goes: never by rpm itself, which installs
# and erases a package's files in the order of their names, and may be killed in between.
# Needs common.sh and storage-conf.sh.

# Sets text to the content of the file $1, with no program started; false when it cannot be read.
text_of() {
    text=
    [ -r "$1" ] || return 1
    while IFS= read -r row || [ -n "$row" ]; do
        text="$text$row
"
    done <"$1"
}

# Is $2 a copy of $1?
is_copy() {
    text_of "$2" || return 1
    text_of_copy=$text
    text_of "$1" && [ "$text" = "$text_of_copy" ]
}

# Makes $2 a copy of $1, whole or not at all. True when it was not one before.
# The temporary file is not in the directory: CRI-O reads every file there.
put() {
    ! is_copy "$1" "$2" || return 1
    directory=${2%/*}
    temporary=${directory%/*}/.paack-$name.new
    mkdir -p "$directory" 2>/dev/null && cp "$1" "$temporary" 2>/dev/null &&
        mv -f "$temporary" "$2" 2>/dev/null && return 0
    rm -f "$temporary" 2>/dev/null
    paack_say "cannot write $2, so its images are not seen; copy $1 there"
    return 1
}

# Sets reader: what the container tools of this host read.
#   drop-ins  storage.rootful.conf.d. An /etc/containers/storage.conf that sets runroot and graphroot
#             would be for all users then, and theirs are not allowed to write there.
#   one-file  storage.conf alone, which has to set both
#   nothing   there is no tool
# Versions do not tell: podman 5.8 is built with either. One that reads drop-ins also reads the file
# that a variable names, and says so when that is not there. One that does not work (in a sandbox,
# or with a file that is not TOML) is known by what is linked into it.
find_reader() {
    reader=nothing
    missing_conf=/nonexistent/paack.conf
    for tool in podman buildah; do
        tool=$(command -v "$tool") || continue
        reader=one-file
        said=$(CONTAINERS_STORAGE_CONF_OVERRIDE=$missing_conf timeout 60 "$tool" --version 2>&1) ||
            said=$said$(grep -oF storage/pkg/configfile "$tool" 2>/dev/null)
        case $said in *"$missing_conf"* | *storage/pkg/configfile*) reader=drop-ins ;; esac
        return
    done
}

podman_reads_drop_ins() {
    find_reader
    [ "$reader" = drop-ins ]
}

# Lists the store, and those of its layers. True when CRI-O has to read its list again.
list_store() {
    put "$shared/storage.conf" "$podman_conf" || :
    fit_storage_conf
    put "$shared/crio.conf" "$crio_conf"
}

# Makes storage.conf what the tools that are here need. Without any it is left alone until one comes.
fit_storage_conf() {
    find_reader
    case $reader in
    drop-ins)
        paack_storage_remove "$path" || :
        delist_layers all || :
        ;;
    one-file)
        paack_storage_add "$path" || :
        layers_of "$shared/layers" | while IFS= read -r layers_path; do
            [ ! -h "$layers_path" ] || paack_storage_add "$layers_path"
        done
        ;;
    esac
}

# Prints the stores of layers that lists in /usr/share/paack name: a package and its path on a line.
layers_of() {
    for list; do
        [ ! -r "$list" ] || while IFS=' ' read -r _ layers_path; do
            printf '%s\n' "$layers_path"
        done <"$list"
    done
}

# Lists the store $1 of a package of layers, if a package is there that needs it: it has come before
# its layers, or they come back.
paack_layers_add() {
    case " $(layers_of /usr/share/paack/*/layers | tr '\n' ' ')" in *" $1 "*) ;; *) return 0 ;; esac
    find_reader
    [ "$reader" != one-file ] || paack_storage_add "$1"
}

# Takes off the stores of layers that no package needs when this one is gone: they may stay longer
# than any program that could do it then. With `all`: every one.
delist_layers() {
    which_layers=${1-}
    set --
    for list in /usr/share/paack/*/layers; do
        [ "$list" = "$shared/layers" ] || set -- "$@" "$list"
    done
    needed=" $(layers_of "$@" | tr '\n' ' ')"
    [ -z "$which_layers" ] || needed=
    conf=/etc/containers/storage.conf
    for layers_path in $([ ! -r "$conf" ] || additional_stores "$conf"); do
        case $layers_path in /usr/lib/container-layers/*) ;; *) continue ;; esac
        case $needed in *" $layers_path "*) continue ;; esac
        paack_storage_remove "$layers_path" || return 1
    done
}

# Takes the store off all lists. False when that cannot be done.
delist_store() {
    # When a package of another name has taken over the path, the entry is that package's.
    if [ ! -L "$path" ] || [ "$(readlink "$path")" = "$mount_point" ]; then
        paack_storage_remove "$path" || return 1
    fi
    for conf in "$crio_conf" "$podman_conf"; do
        rm -f "$conf" 2>/dev/null || {
            paack_say "cannot remove $conf"
            return 1
        }
    done
}
