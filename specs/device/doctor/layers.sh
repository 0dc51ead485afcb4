# shellcheck shell=sh
# Packages with the layers of a package's images. Needs stores.sh.

# Are the packages of layers there, mounted and listed? $shared/layers names them: package and path.
check_layers() {
    count=0
    good=0
    text_of "$shared/layers" || :
    for line in $text; do
        count=$((count + 1))
        # Several packages may need it.
        if has_line "$good_layers" "$line" || check_layer "${line%% *}" "${line#* }"; then
            good=$((good + 1))
            good_layers=$good_layers$newline$line
        fi
    done
    if [ ! -e "$shared/layers" ]; then
        reinstall "$package"
        say FAIL layers "$shared/layers, the list of packages of layers, is missing" "$cure"
    elif [ "$count" = 0 ]; then
        say ok layers "all are in the package itself"
    elif [ "$count" = "$good" ]; then
        say ok layers "all $count packages of layers are mounted and listed"
    fi
}

# check_layer PACKAGE PATH: its mount comes with the mount of the store.
check_layer() {
    find_source "/run/paack/$1"
    find_real "$2"
    if [ ! -f "$2.$filesystem" ]; then
        problem="$1 is missing: $2.$filesystem is not there"
    elif [ -z "$source" ]; then
        problem="$2.$filesystem is not mounted on /run/paack/$1"
        find_install_cure "$1"
        say FAIL layers "$problem" "systemctl restart '$unit'; if it fails: $cure"
        return 1
    elif [ "$real" != "/run/paack/$1" ]; then
        problem="$2 does not lead to /run/paack/$1"
    elif is_here podman && ! has_line "$podman_real" "/run/paack/$1"; then
        say FAIL layers "podman: $2 is not listed in $storage_conf" "$self --repair"
        return 1
    elif is_here crio && ! has_line "$crio_real" "/run/paack/$1"; then
        say FAIL layers "cri-o: $2 is not listed in /etc/crio/crio.conf.d" \
            "$self --repair; systemctl restart crio"
        return 1
    else
        return 0
    fi
    find_install_cure "$1"
    say FAIL layers "$problem" "$cure"
    return 1
}

# Packages of layers that no list names. dnf does not remove them in an upgrade.
check_leftovers() {
    set +f
    left=$({
        cat /usr/share/paack/*/layers 2>/dev/null | awk '{ print "needed", $1 }'
        for directory in /usr/share/paack/container-layers-*/; do
            directory=${directory%/}
            [ ! -e "$directory/layers.json" ] || printf '%s\n' "${directory##*/}"
        done
    } | awk '
        $1 == "needed" { needed[$2] = 1; next }
        !($1 in needed) { printf "%s%s", sep, $1; sep = " " }')
    set -f
    [ -z "$left" ] || say WARN layers "no package needs the layers of $left" \
        "dnf autoremove; what that leaves: dnf remove $left"
}
