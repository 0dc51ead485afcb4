# shellcheck shell=sh
# Records in read-write storage that need a layer which is gone: found and removed.
# Needs settings.sh, records.sh and doctor.sh.

# Prints the directories that may be additional image stores, one a line. One too many does no
# harm, as only what needs a layer of none of them is removed: all paths in the configuration, all
# of paack, the usual ones (bootc names its own on command lines), every path beside "imagestore".
possible_stores() {
    # shellcheck disable=SC2046
    set -- $(storage_confs) $(crio_confs)
    set +f
    {
        printf '%s\n' "$podman_stores" "$crio_stores" /run/paack/* /usr/lib/containers/storage \
            /usr/share/containers/storage /usr/lib/bootc/storage /var/lib/shared
        {
            cat "$@" </dev/null
            grep -rhs imagestore /etc/containers /usr/share/containers /etc/sysconfig /etc/default \
                /etc/systemd/system /run/systemd/generator /run/systemd/system
        } | awk '{
            count = split($0, word, /[^A-Za-z0-9._+\/-]+/)
            for (i = 1; i <= count; i++) if (word[i] ~ "^/") print word[i]
        }'
    } | sort -u | while IFS= read -r store; do
        [ -s "$store/overlay-layers/layers.json" ] || continue
        find_real "$store"
        printf '%s\n' "$real"
    done | sort -u
}

# Sets plan to what is wrong with the records in $graph; $1 is a mount table.
examine() {
    mount_table=$1
    count=0
    set --
    for store in $stores; do
        [ "$store" != "$graph" ] || continue
        set -- "$@" "$store/overlay-layers/layers.json"
        count=$((count + 1))
    done
    for file in $record_files; do
        [ -s "$graph/$file" ] || continue
        role=${file#overlay-}
        set -- "$@" "role=${role%%s/*}" "$graph/$file"
        count=$((count + 1))
    done
    plan=$(printf '%s' "$mount_table" | records task=plan graph="$graph" kept="$kept" \
        spare="$keep_containers" files="$count" role=mounts - role=store "$@" 2>/dev/null)
    case $plan in
    # Of a file that is odd nothing is known, so of the others neither.
    *"odd$tab"*) plan=$(printf '%s\n' "$plan" | grep "^odd$tab") ;;
    end | *"${newline}end")
        [ "$(records_text "$@" | tr -dc '\000' | wc -c)" -eq 0 ] ||
            plan="odd$tab$graph${tab}a NUL character"
        ;;
    *) plan="odd$tab$graph${tab}it cannot be read" ;;
    esac
}

records_text() {
    for file; do
        shift
        case $file in /*) set -- "$@" "$file" ;; esac
    done
    cat "$@" </dev/null
}

has_gone() {
    case $newline$plan in *"${newline}gone$tab"* | *"${newline}part$tab"*) ;; *) return 1 ;; esac
}

# Everything that is mounted, for whatever process: what running containers use is.
all_mounts() {
    set +f
    cat /proc/[0-9]*/mounts 2>/dev/null | sort -u
}

# What works with root's container storage now, by name, on one line.
storage_users() {
    set +f
    for process in /proc/[0-9]*; do
        { read -r name <"$process/comm"; } 2>/dev/null || continue
        case $name in
        crio | podman | buildah | skopeo)
            ! grep -q '^Uid:.0' "$process/status" 2>/dev/null || printf ' %s' "$name"
            ;;
        esac
    done
}

# Sets reason: why it cannot be told whether a layer is gone, or nothing.
doubt() {
    reason=
    read_mounts
    for store in $podman_stores $crio_stores; do
        [ -r "$store/overlay-layers/layers.lock" ] || reason="the store $store is listed, but not there"
    done
    set +f
    # shellcheck disable=SC2086
    for store in /run/paack/* $(printf '/run/paack/%s\n' $packages); do
        find_source "$store"
        [ -n "$source" ] || [ "$store" = '/run/paack/*' ] || reason="the store $store is not mounted"
    done
    set -f
}

# Sets the words of a line of the plan.
split_line() {
    IFS=$tab
    # shellcheck disable=SC2086
    set -- $1
    IFS=$newline
    what=${1-} kind=${2-} id=${3-} name=${4-} layer=${5-} file=${6-} own=${7-}
    thing="$kind $(short "$id") ($name)"
    [ "$name" != - ] || thing="$kind $(short "$id")"
}

short() {
    printf '%.12s' "$1"
}

# Says what is left in the plan.
report_plan() {
    cure="$self --repair"
    doubt
    [ -z "$reason" ] || cure="unless it is there: $reason"
    for line in $plan; do
        split_line "$line"
        removal=$cure
        [ -n "$reason" ] || removal="$cure removes it, with what was written in it"
        [ ! -d "$graph/overlay/$own/diff" ] || removal="$removal: $graph/overlay/$own/diff"
        needs="needs the layer $(short "$layer"), which is gone"
        case $what-$kind in
        gone-container) say FAIL records "$thing $needs" "$removal" ;;
        gone-*) say FAIL records "$thing $needs" "$cure" ;;
        spared-*) say WARN records "$thing $needs: it cannot start, but is kept" "$removal" ;;
        busy-*) say WARN records "$thing $needs, but is in use" "it goes on; remove it when it has ended" ;;
        alien-*) say FAIL records "$thing $needs, but its ID is unusual" "remove it by what made it" ;;
        name-*)
            removal="podman rmi --force $(short "$id") removes them, and containers of the image"
            is_here podman ||
                removal="crictl rmi $(short "$id") removes them, and then says: layer not known"
            say WARN records "$thing only has names, for the store's: no other is found, no pull works" \
                "$removal"
            ;;
        odd-*) say FAIL records "$kind is not as containers/storage writes it: $id" "it is left alone" ;;
        esac
    done
    [ "$plan" != end ] || say ok records "nothing in $graph needs a layer that is gone"
}

# Podman has records of its own of the containers that it made. It may refuse, say when another
# container depends on one.
remove_by_podman() {
    command -v podman >/dev/null || return 0
    known=$(call podman ps --all --quiet --no-trunc 2>/dev/null) || return 0
    for line in $plan; do
        split_line "$line"
        case $what-$kind$newline$known$newline in
        gone-container*"$newline$id$newline"*) ;;
        *) continue ;;
        esac
        if problem=$(call podman rm "$id" 2>&1 >/dev/null); then
            say ok records "removed the $thing"
        else
            kept="$kept $id"
            say FAIL records "$thing: podman does not remove it: $problem" "podman rm $name"
        fi
    done
    examine "$(all_mounts)"
}

# Removes the files of a record: remove_files KIND ID. They go first, as the record tells of them.
remove_files() {
    case $1 in
    container) rm -rf "$graph/overlay-containers/$2" "$run/overlay-containers/$2" ;;
    image) rm -rf "$graph/overlay-images/$2" ;;
    layer)
        link=$(cat "$graph/overlay/$2/link" 2>/dev/null)
        case $link in
        '' | *[!A-Z0-9]*) ;;
        *)
            [ "$(readlink "$graph/overlay/l/$link")" != "../$2/diff" ] ||
                rm -f "$graph/overlay/l/$link"
            ;;
        esac
        rm -rf "$graph/overlay/$2" "$graph/overlay-layers/$2" &&
            rm -f "$graph/overlay-layers/$2.tar-split.gz"
        ;;
    esac 2>/dev/null
}

# rewrite_records FILE with|without STRINGS: see records.sh.
rewrite_records() {
    new=${1%/*}/.${1##*/}.paack
    sum=$(cksum <"$1")
    # A full disk goes unnoticed by some awks, hence twice.
    if cp -p "$1" "$new" && rewritten "$@" >"$new" &&
        [ "$(rewritten "$@" | cksum)" = "$(cksum <"$new")" ] &&
        { sync "$new" || sync; } && [ "$sum" = "$(cksum <"$1")" ]; then
        mv -f "$new" "$1" && change_lock "$1" && return
    fi 2>/dev/null
    rm -f "$new"
    say FAIL records "$1 cannot be written, or has changed" "try again"
}

rewritten() {
    printf '%s\n' "$3" | records task="$2" role=gone - role=own "$1"
}

# Running services read a file again when the bytes of its lock are others; they have it open.
change_lock() {
    lock=${1%/*}
    od -A n -t x1 -N 32 /dev/urandom | tr -d ' \n' 1<>"$lock/${lock##*/overlay-}.lock"
}

# Removes what is gone in the plan.
repair_storage() {
    remove_by_podman
    wanted=$plan
    stuck=
    for line in $wanted; do
        split_line "$line"
        case $what in gone | part) remove_files "$kind" "$id" || stuck="$stuck $id" ;; esac
    done
    # What refers to something goes before it.
    for file in $record_files; do
        ids=$(printf '%s\n' "$wanted" | awk -F '\t' -v file="$graph/$file" -v stuck="$stuck" '
            /^(gone|part)\t/ && $6 == file && !index(stuck, $3) { print "\"" $3 "\"" }')
        [ -z "$ids" ] || rewrite_records "$graph/$file" without "$ids"
    done
    examine "$(all_mounts)"
    for line in $wanted; do
        split_line "$line"
        case $what$newline$plan in
        gone*"$tab$id$tab"*) ;;
        gone*) say ok records "removed the $thing" ;;
        esac
    done
}

repair() {
    doubt
    users=$(storage_users)
    if [ -n "$reason" ]; then
        say FAIL repair "not done: $reason" "mount it or take it off the list, then try again"
    elif [ -n "$users" ] && [ -z "$force" ]; then
        say FAIL repair "not done: storage is in use by$users" "stop that and try again, or --force"
    else
        # The doctors of other packages may be at work on the same storage.
        exec 9<"$graph"
        ! command -v flock >/dev/null || flock 9
        examine "$(all_mounts)"
        repair_storage
        exec 9<&-
    fi
}

check_records() {
    record_files="overlay-containers/containers.json${newline}overlay-containers/volatile-containers.json
overlay-images/images.json${newline}overlay-layers/layers.json${newline}overlay-layers/volatile-layers.json"
    stores=$(possible_stores)
    graphs=$newline
    for root in $roots; do
        graph=$(cd -P "${root%"$tab"*}" 2>/dev/null && pwd -P) || continue
        case $graphs in *"$newline$graph$newline"*) continue ;; esac
        graphs=$graphs$graph$newline
        run=${root#*"$tab"}
        kept=
        examine ''
        if has_gone; then
            examine "$(all_mounts)"
            [ -z "$repair" ] || ! has_gone || repair
        fi
        report_plan
    done
    [ "$graphs" != "$newline" ] || say ok records "there is no container storage"
}
