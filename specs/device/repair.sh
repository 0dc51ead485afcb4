{#- Records in read-write storage that need a layer which is gone: found and removed.
    Needs: settings.sh, records.sh, say. -#}
# Prints the directories that may be additional image stores, one a line. Too many do no harm, as
# only what needs a layer of none of them is removed: all that a configuration lists, all of paack,
# the usual ones (bootc names its own on command lines), and every path beside "imagestore".
possible_stores() {
    set +f
    {
        printf '%s\n' "$podman_stores" "$crio_stores" /run/paack/* /usr/lib/containers/storage \
            /usr/share/containers/storage /usr/lib/bootc/storage /var/lib/shared
        grep -rhs imagestore /etc/containers /usr/share/containers /etc/crio /etc/sysconfig \
            /etc/default /etc/systemd/system /run/systemd/generator /run/systemd/system |
            awk '{ gsub(/[^A-Za-z0-9._+\/-]+/, "\n"); print }'
    } | sort -u | while IFS= read -r store; do
        case $store in
        /*) [ ! -s "$store/overlay-layers/layers.json" ] || (cd -P "$store" && pwd -P) ;;
        esac
    done | sort -u
    set -f
}

# Sets plan to what is wrong with the records in $graph; $1 is a mount table.
examine() {
    mount_table=$1
    set --
    for store in $stores; do
        [ "$store" = "$graph" ] || set -- "$@" "$store/overlay-layers/layers.json"
    done
    for file in overlay-layers/layers overlay-layers/volatile-layers overlay-images/images \
        overlay-containers/containers overlay-containers/volatile-containers; do
        role=${file#overlay-}
        [ ! -s "$graph/$file.json" ] || set -- "$@" "role=${role%%s/*}" "$graph/$file.json"
    done
    plan=$(printf '%s' "$mount_table" | records task=plan graph="$graph" kept="$kept" \
        role=mounts - role=store "$@" 2>/dev/null)
    case $plan in
    *"odd$tab"*) ;;
    end | *"${newline}end")
        [ "$(cat "$@" /dev/null 2>/dev/null | tr -dc '\000' | wc -c)" -eq 0 ] ||
            plan="odd$tab$graph${tab}a NUL character"
        ;;
    *) plan="odd$tab$graph${tab}awk cannot read it" ;;
    esac
    # Of a file that is odd nothing is known, so of the others neither.
    case $plan in *"odd$tab"*) plan=$(echo "$plan" | grep "^odd$tab") ;; esac
}

has() {
    case $newline$plan in *"$newline$1$tab"*) ;; *) return 1 ;; esac
}

# Everything that is mounted, for whatever process: layers of running containers are.
all_mounts() {
    set +f
    cat /proc/[0-9]*/mounts 2>/dev/null | sort -u
    set -f
}

# What uses containers/storage as root now, by name.
storage_users() {
    set +f
    for process in /proc/[0-9]*; do
        { read -r name <"$process/comm"; } 2>/dev/null || continue
        case $name in
        crio | podman | buildah | skopeo)
            grep -q '^Uid:.0' "$process/status" 2>/dev/null && echo "$name"
            ;;
        esac
    done | sort -u
    set -f
}

# Why it cannot be told whether a layer is gone, or nothing.
doubt() {
    set +f
    for lock in /run/paack/*/overlay-layers/layers.lock; do
        case $(cat "$lock" 2>/dev/null) in
        paack-empty-store*) echo "the store ${lock%/*/*} is not mounted" ;;
        esac
    done
    set -f
    for store in $podman_stores $crio_stores; do
        [ -r "$store/overlay-layers/layers.lock" ] || echo "the store $store is listed, but not there"
    done
}

# Says what is left in the plan.
report_plan() {
    for line in $plan; do
        IFS=$tab read -r what kind id name layer file <<END
$line
END
        short=$(echo "$id" | cut -c 1-12)
        layer=$(echo "$layer" | cut -c 1-12)
        thing="$kind $short ($name)"
        [ "$name" != - ] || thing="$kind $short"
        case $what in
        gone) say FAIL records "$thing needs the layer $layer, which is gone" "$library/doctor --repair" ;;
        busy) say WARN records "$thing is in use, but needs the layer $layer, which is gone" \
            "it goes on; once it has ended, remove it" ;;
        alien) say FAIL records "$thing needs the layer $layer, which is gone" \
            "its ID is none of podman or CRI-O; remove it with what made it" ;;
        name) say WARN records "image $short has the names $layer in $graph, but no layers: \"podman pull\" of it fails" \
            "podman rmi --force $short removes these names, and containers of the image" ;;
        odd) say FAIL records "$kind is not as containers/storage writes it: $id" "nothing is repaired" ;;
        esac
    done
}

# Containers that podman made are removed by podman, as it has records of its own. It may refuse,
# say when another container depends on one.
remove_by_podman() {
    command -v podman >/dev/null || return 0
    known=$(timeout 60 podman ps --all --quiet --no-trunc 2>/dev/null 9<&-) || return 0
    for line in $plan; do
        IFS=$tab read -r what kind id name layer file <<END
$line
END
        case $what-$kind$newline$known$newline in
        gone-container*"$newline$id$newline"*) ;;
        *) continue ;;
        esac
        if problem=$(timeout 60 podman rm "$id" 2>&1 >/dev/null 9<&-); then
            removed_line container "$id" "$name"
        else
            kept="$kept $id"
            say FAIL records "container $name is not removed: $problem" "podman rm $name"
        fi
    done
    examine "$mounts"
}

removed_line() {
    name=$3
    [ "$name" != - ] || name="no name"
    say ok records "removed the $1 $(echo "$2" | cut -c 1-12) ($name)"
}

# Removes the files of a record: remove_data KIND ID. They go first, so that a record tells of them
# until they are gone.
remove_data() {
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
    esac
}

# Takes the records $2 (as role=gone of `records` reads them) out of the file $1.
remove_records() {
    new=${1%/*}/.${1##*/}.paack
    before=$(cksum <"$1")
    # A full disk goes unnoticed by some awks.
    cp -p "$1" "$new" &&
        echo "$2" | records task=without role=gone - role=own "$1" >"$new" &&
        [ "$(echo "$2" | records task=without role=gone - role=own "$1" | cksum)" = "$(cksum <"$new")" ] &&
        { sync "$new" 2>/dev/null || sync; } &&
        [ "$before" = "$(cksum <"$1")" ] &&
        mv -f "$new" "$1" &&
        touch_lock "$1" && return
    rm -f "$new"
    say FAIL records "$1 cannot be written, or changed in the meantime" "try again"
    return 1
}

# Gives the lock beside the file $1 other bytes in place: running services read the file again.
touch_lock() {
    lock=${1%/*}
    lock=$lock/${lock##*/overlay-}.lock
    od -A n -t x1 -N 32 /dev/urandom | tr -d ' \n' 1<>"$lock"
}

repair() {
    users=$(storage_users | tr '\n' ' ')
    reason=$(doubt | head -n 1)
    if [ -n "$reason" ]; then
        say FAIL repair "not done: $reason" "mount it or take it off the list, then again"
        return
    elif [ -n "$users" ] && [ -z "$force" ]; then
        say FAIL repair "not done: in use by ${users% }" "stop that, then again; or add --force"
        return
    fi
    # Another package's doctor may be at work on the same storage.
    exec 9<"$graph"
    ! command -v flock >/dev/null || flock 9
    mounts=$(all_mounts)
    examine "$mounts"
    remove_by_podman
    stuck=
    for line in $plan; do
        IFS=$tab read -r what kind id name layer file <<END
$line
END
        case $what in gone | part) remove_data "$kind" "$id" 2>/dev/null || stuck="$stuck $id" ;; esac
    done
    for file in overlay-containers/containers overlay-containers/volatile-containers \
        overlay-images/images overlay-layers/layers overlay-layers/volatile-layers; do
        ids=$(echo "$plan" | awk -F '\t' -v file="$graph/$file.json" -v stuck="$stuck" '
            /^(gone|part)\t/ && $6 == file && !index(stuck, $3) { print "\"" $3 "\"" }')
        [ -z "$ids" ] || remove_records "$graph/$file.json" "$ids"
    done
    before=$plan
    examine "$mounts"
    for line in $before; do
        IFS=$tab read -r what kind id name layer file <<END
$line
END
        case $what$newline$plan in
        gone*"$tab$id$tab"*) ;;
        gone*) removed_line "$kind" "$id" "$name" ;;
        esac
    done
    exec 9<&-
}

check_records() {
    stores=$(possible_stores)
    for root in $roots; do
        graph=$(cd -P "${root%"$tab"*}" 2>/dev/null && pwd -P) || continue
        run=${root#*"$tab"}
        kept=
        examine ''
        ! has gone || examine "$(all_mounts)"
        if [ -n "$repair" ] && has gone; then
            repair
        fi
        report_plan
        [ "$plan" != end ] || say ok records "what is in $graph needs no layer that is gone"
    done
}
