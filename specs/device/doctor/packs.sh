# shellcheck shell=sh
# Packs, over which a package's store is an index. Needs stores.sh, and pieces.sh of the library.

# Are the packs there, and are these the ones that are mounted? $path.packs names them.
check_packs() {
    count=0
    good=0
    text_of "$path.packs" || :
    case $newline$text in
    *"$newline$store 0 "*) ;;
    *)
        reinstall "$package"
        say FAIL packs "$path.packs, the list of packs, is missing or damaged" "$cure"
        return
        ;;
    esac
    for line in $text; do
        file=${line%% *}
        [ "$file" != "$store" ] || continue
        count=$((count + 1))
        if has_line "$good_packs" "$line" || check_pack "$file" "$line"; then
            good_packs=$good_packs$newline$line
            check_mapped && good=$((good + 1))
        fi
    done
    if [ "$count" = "$good" ]; then
        say ok packs "all $count packs are there${deep:+, and what packages brought}"
    fi
}

# check_pack FILE LINE: several packages may need it.
check_pack() {
    count_and_digest=${2#* 0 }
    find_pack_problem "$1" "${count_and_digest% *}" "${count_and_digest#* }"
    if [ -z "$problem" ] && [ -n "$deep" ]; then
        problem=$(sha256sum "$1" 2>/dev/null) || :
        [ "${problem%% *}" = "${1##*/}" ] && problem='' || problem=damaged
    fi
    [ -n "$problem" ] || return 0
    find_owner "$1"
    find_install_cure "$owner"
    [ -e /run/ostree-booted ] || cure="$cure; systemctl restart '$unit'"
    say FAIL packs "$1 of $owner is $problem" "$cure"
    return 1
}

# Is it what is mounted, if something is?
check_mapped() {
    [ -z "$mapped" ] || has_line "$mapped" "${file##*/}" || {
        say FAIL packs "$file is not what is mounted on $mount_point" "systemctl restart '$unit'"
        return 1
    }
}

# Packs that no list names. dnf does not remove them in an upgrade.
check_leftover_packs() {
    set +f
    left=$({
        awk -F = '$1 == "path" { print $2 ".packs" }' /usr/share/paack/*/package 2>/dev/null |
            while IFS= read -r file; do
                [ ! -r "$file" ] || awk '{ print "needed", $1 }' "$file"
            done
        for file in /usr/lib/container-packs/*; do
            [ ! -f "$file" ] || printf '%s\n' "$file"
        done
    } | awk '
        $1 == "needed" { needed[$2] = 1; next }
        !($1 in needed) {
            sub(/.*\//, "")
            printf "%scontainer-pack-%s", sep, substr($1, 1, 24)
            sep = " "
        }')
    set -f
    [ -z "$left" ] || say WARN packs "no package needs $left" \
        "dnf autoremove; what that leaves: dnf remove $left"
}
