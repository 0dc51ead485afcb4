# shellcheck shell=sh
# Names that stores have for images and that read-write storage hides. Needs records.sh,
# repair-records.sh and doctor.sh.

# Sets hidden to such names of the packages, one a line: the image's ID, a tab, the name.
# containers/storage takes no notice of the names that a read-only store has for an image when
# read-write storage has a record of that ID: after a pull, load, tag or untag of it by other names.
# (podman before 5 does.) A name with a digest is found by the digest.
find_hidden() {
    set --
    for root in $roots; do
        file=${root%"$tab"*}/overlay-images/images.json
        [ ! -s "$file" ] || set -- "$@" "role=rw$#" "$file"
    done
    hidden=
    [ $# -gt 0 ] || return 0
    for store in $(real_paths "$podman_stores$newline$crio_stores"); do
        kind=other
        ! has_line "$packages" "${store#/run/paack/}" || kind=own
        [ ! -s "$store/overlay-images/images.json" ] ||
            set -- "$@" "role=$kind$#" "$store/overlay-images/images.json"
    done
    hidden=$(records task=named "$@" 2>/dev/null | awk -F '\t' '
        $1 == "odd" { exit }
        $1 ~ /^rw/ {
            here[$2] = 1
            taken[$3] = 1
        }
        $1 ~ /^o/ && $3 !~ /@/ {
            id[++count] = $2
            name[count] = $3
            own[count] = $1 ~ /^own/
        }
        $1 == "end" {
            for (i = 1; i <= count; i++) if (!(id[i] in here)) taken[name[i]] = 1
            for (i = 1; i <= count; i++)
                if (own[i] && name[i] != "" && !(name[i] in taken)) {
                    taken[name[i]] = 1
                    print id[i] "\t" name[i]
                }
        }')
}

# Prints where the directories $1 really are, each once.
real_paths() {
    for line in $1; do
        find_real "$line"
        [ -z "$real" ] || printf '%s\n' "$real"
    done | sort -u
}

# Prints the lines $1 without the names that are hidden.
without_hidden() {
    printf '%s\n' "$hidden" "" "$1" | awk -F '\t' '
        !listed && $0 == "" { listed = 1; next }
        !listed { hidden[$2] = 1; next }
        !($0 in hidden)'
}

# Gives images of read-write storage the names that it hides: containers go on. podman does it while
# others use the storage; without podman the record is written when nobody does.
mend_names() {
    find_hidden
    rest=
    for line in $hidden; do
        name=${line#*"$tab"}
        if is_here podman; then
            # One before 5 finds it all the same.
            ! is_here crio && call podman image exists "$name" >/dev/null 2>&1 && continue
            if call podman tag "${line%%"$tab"*}" "$name" >/dev/null 2>&1; then
                say ok names "$name is found again"
                continue
            fi
        fi
        rest=$rest$newline$line
    done
    [ -n "$rest" ] || return 0
    users=$(storage_users)
    if [ -n "$users" ] && [ -z "$force" ]; then
        count=$(printf '%s\n' "$rest" | grep -c .)
        mending_names
        say FAIL names "$count names of images stay hidden: storage is in use by$users" "$cure"
        return
    fi
    for root in $roots; do
        file=${root%"$tab"*}/overlay-images/images.json
        [ ! -s "$file" ] || add_names "$file" "$rest"
    done
    find_hidden
    for line in $rest; do
        has_line "$hidden" "$line" || say ok names "${line#*"$tab"} is found again"
    done
}

# Sets cure to what mends names now. Containers go on without CRI-O.
mending_names() {
    cure="$self --repair"
    is_here podman || cure="systemctl stop crio; $self --repair; systemctl start crio"
}

# add_names FILE LINES: adds the names of images (IDs and names) that are in the file.
add_names() {
    here=$newline$(records task=ids role=own "$1")$newline
    added=
    for line in $2; do
        case $here in
        *"$newline${line%%"$tab"*}$newline"*)
            added="$added\"${line%%"$tab"*}\" \"${line#*"$tab"}\"$newline"
            ;;
        esac
    done
    [ -z "$added" ] || rewrite_records "$1" with "$added"
}
