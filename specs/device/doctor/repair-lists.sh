# shellcheck shell=sh
# The lists of stores, made to fit what is there, before podman and CRI-O start: a factory reset, a
# configuration manager or ostree may have brought back an /etc that knows nothing of a store, or one
# that lists what is gone. Needs stores.sh and the library.

repair_lists() {
    conf=/etc/containers/storage.conf
    text=$([ ! -r "$conf" ] || settings "$conf")
    broken=$(faults_of "$text")
    [ -z "$broken" ] || say FAIL podman "$broken" "mend it"
    listed=$(printf '%s\n' "$text" | stores_of)
    # ostree keeps the file as it is once it was edited, but an update brings layers of other names.
    for line in $listed; do
        case $line in
        /usr/lib/container-layers/*[!0-9a-f]*) ;;
        /usr/lib/container-layers/?*) [ -e "$line" ] || [ -h "$line" ] || edit_list remove "$line" ;;
        esac
    done
    as_listed=$listed
    real_stores "$listed"
    listed=$real_listed
    rewritten=
    for package in $packages; do
        use_package "$package" || continue
        is_whole || continue
        text_of "$shared/layers" || :
        for line in "$package $path" $text; do
            relist "${line%% *}" "${line#* }"
        done
    done
    # Where podman reads drop-ins, these list the stores, once, and other users cannot use the file.
    ! podman_reads_drop_ins || for line in $as_listed; do
        set +f
        ! grep -qsF "\"$line\"" /usr/share/paack/*/storage.conf || edit_list remove "$line"
        set -f
    done
    # A process of its own, as the library's functions are written for a usual shell.
    if (set_usual && paack_pinned_images) 2>/dev/null; then
        rewritten=1
        say ok cri-o "wrote the list of images that it must not remove"
    fi
    [ -z "$rewritten" ] || case " $(storage_users) " in
    *' crio '*) say WARN cri-o "it runs with the configuration that it had before" "systemctl restart crio" ;;
    esac
}

# Is all of the package there that makes its store one that may be listed?
is_whole() {
    [ -f "$store" ] && [ -h "$path" ] && [ -d "$path/." ] &&
        [ -f "/usr/lib/tmpfiles.d/paack-$package.conf" ] && [ -f "/usr/lib/systemd/system/$unit" ]
}

# Lists the store $2 of the package $1 where it is not listed.
relist() {
    [ -d "$2/." ] || return 0
    put_back cri-o "/usr/share/paack/$1/crio.conf" "/etc/crio/crio.conf.d/50-$1.conf" "$1" "$2"
    put_back podman "/usr/share/paack/$1/storage.conf" \
        "/usr/share/containers/storage.rootful.conf.d/50-$1.conf" "$1" "$2"
    [ "$reader" = one-file ] && [ -z "$broken" ] || return 0
    has_line "$listed" "/run/paack/$1" || {
        listed=$listed$newline/run/paack/$1
        edit_list add "$2"
    }
}

# put_back TOOL SOURCE FILE PACKAGE PATH: writes the drop-in FILE when it does not name the store. One
# that an administrator edited stays.
put_back() {
    [ -f "$2" ] || return 0
    text_of "$3" && case $text in *"$5\""*) return 0 ;; esac
    if (set_usual && name=$4 && put "$2" "$3") 2>/dev/null; then
        [ "$1" = podman ] || rewritten=1
        say ok "$1" "listed the store $5 in $3"
    elif [ "$1" = podman ] && ! podman_reads_drop_ins; then
        # It does not read the file, which ostree has below a read-only /usr.
        return 0
    else
        say FAIL "$1" "$3 cannot be written" "cp $2 $3"
    fi
}

set_usual() {
    unset IFS
    umask 022
    set +fu
}

stores_in_conf() {
    [ ! -r "$conf" ] || additional_stores "$conf"
}

# edit_list add|remove PATH. The doctors of other packages may be at work on the same file.
edit_list() {
    lock=${conf%/*}
    [ -d "$lock" ] || lock=/etc
    problem=$({
        ! command -v flock >/dev/null || flock 9
        set_usual
        "paack_storage_$1" "$2"
    } 9<"$lock" 2>&1)
    case $1$newline$(stores_in_conf)$newline in
    add*"$newline$2$newline"*) say ok podman "listed the store $2 in $conf" ;;
    remove*"$newline$2$newline"*)
        say FAIL podman "$2 is still listed: $problem" "take it out of $conf"
        ;;
    add*) say FAIL podman "$2 is not listed: $problem" "list it in $conf" ;;
    *) say ok podman "took the store $2 out of $conf" ;;
    esac
}
