#!/bin/sh
# join NAME PATH: joins the pieces of the store PATH of the package NAME to one block device, to which
# /run/paack-packs-NAME/device leads then. PATH.packs says what they are (library/pieces.sh). None is joined
# when one is missing or damaged.
set -euf
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
name=$1 index=$2.index table=$2.packs
link=/run/paack-packs-$name/device
loops='' mapped='' joined=''

# Loop devices that are mapped are busy: each goes by itself when the mapped device does.
# shellcheck disable=SC2086
clean_up() {
    [ -z "$mapped" ] || [ -n "$joined" ] || dmsetup --deferred remove "$mapped" || :
    [ -z "$loops" ] || losetup --detach $loops || :
}

# Says what is wrong with which file; false if anything is.
check_pieces() {
    sound=true
    while IFS=' ' read -r file _ count digest; do
        problem=''
        if [ "$file" != "$index" ]; then
            find_pack_problem "$file" "$count" "$digest"
        elif [ -n "$digest" ]; then
            find_index_problem "$file" "$digest"
        fi
        [ -n "$problem" ] || continue
        sound=false
        owner=$name
        [ "$file" = "$index" ] || find_owner "$file"
        printf '%s\n' "$file of $owner is $problem: dnf reinstall $owner" >&2
    done <"$table"
    "$sound"
}

# Sets lines to the table of the mapped device, and loops to the loop devices in it.
attach_pieces() {
    lines='' at=0 known=' '
    while IFS=' ' read -r file start count _; do
        case $known in
        *" $file="*)
            device=${known##*" $file="}
            device=${device%% *}
            ;;
        *)
            device=$(losetup --read-only --find --show "$file")
            loops="$loops $device"
            known="$known$file=$device "
            ;;
        esac
        lines="$lines$at $count linear $device $start
"
        at=$((at + count))
    done <"$table"
}

is_taken() {
    dmsetup info "paack-$name-$number" >/dev/null 2>&1
}

# Sets number to one that no mapped device has. Those that have one are in use by containers, until
# these end, or were left by a join that was killed.
find_number() {
    number=1
    while is_taken; do
        dmsetup --deferred remove "paack-$name-$number" || :
        ! is_taken || number=$((number + 1))
    done
}
