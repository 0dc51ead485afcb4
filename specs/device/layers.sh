{#- Packages with the layers of this package's images. Needs checks.sh. -#}
# Are the packages of layers there, mounted and listed? $shared/layers names them: package and path.
check_layers() {
    own_package=$package
    own_path=$path
    own_mount_point=$mount_point
    count=0
    good=0
    lines=$(cat "$shared/layers" 2>/dev/null)
    for line in $lines; do
        package=${line%% *}
        path=${line#* }
        mount_point=/run/paack/$package
        count=$((count + 1))
        check_layer && good=$((good + 1))
    done
    package=$own_package
    path=$own_path
    mount_point=$own_mount_point
    check_leftovers
    if [ ! -e "$shared/layers" ]; then
        say FAIL layers "$shared/layers, the list of packages of layers, is missing" \
            "reinstall $package"
    elif [ "$count" = 0 ]; then
        say ok layers "all are in the package itself"
    elif [ "$count" = "$good" ]; then
        say ok layers "all $count packages of layers are mounted and listed"
    fi
}

# The one package of layers $package. Its mount comes with the mount of the store.
check_layer() {
    cure="dnf install $package"
    ! is_here rpm || ! call rpm -q "$package" >/dev/null 2>&1 || cure="dnf reinstall $package"
    if [ ! -f "$path.$filesystem" ]; then
        say FAIL layers "$package is missing: $path.$filesystem is not there" "$cure"
    elif [ -z "$(mounted_there)" ]; then
        say FAIL layers "$path.$filesystem is not mounted on $mount_point" \
            "systemctl restart '$unit'; if it fails: $cure"
    elif [ "$(cd -P "$path" 2>/dev/null && pwd -P)" != "$mount_point" ]; then
        say FAIL layers "$path does not lead to $mount_point" "$cure"
    elif is_here podman && ! is_listed "$podman_stores"; then
        say FAIL layers "podman: $path is not listed in $storage_conf" \
            "$library/doctor --repair, where $own_path is listed; or $cure"
    elif is_here crio && ! is_listed "$crio_stores"; then
        say FAIL layers "cri-o: $path is not listed in /etc/crio/crio.conf.d" "$cure"
    else
        return 0
    fi
    return 1
}

# Packages of layers that no list names. dnf does not remove them in an upgrade.
check_leftovers() {
    set +f
    left=$({
        cat /usr/share/paack/*/layers 2>/dev/null | awk '{ print "needed", $1 }'
        for directory in /usr/share/paack/container-layers-*/; do
            [ ! -e "$directory/layers.json" ] || basename "$directory"
        done
    } | awk '
        $1 == "needed" { needed[$2] = 1; next }
        !($1 in needed) { printf "%s%s", sep, $1; sep = " " }')
    set -f
    [ -z "$left" ] || say WARN layers "no package needs the layers of $left" \
        "dnf autoremove; what that leaves: dnf remove $left"
}

# Makes /etc/containers/storage.conf fit the layers that are there. ostree keeps that file as it is
# once it was edited, but an update brings layers of other names: with a listed store that is missing
# podman and CRI-O do not start, and older podman lists no image when one lacks its layers.
repair_list() {
    conf=/etc/containers/storage.conf
    listed=$newline$(stores_in_conf)$newline
    for line in $listed; do
        case $line in
        /usr/lib/container-layers/*[!0-9a-f]*) ;;
        /usr/lib/container-layers/?*) [ -e "$line" ] || [ -h "$line" ] || edit_list remove "$line" ;;
        esac
    done
    # Who lists the images wants them.
    case $listed in *"$newline$path$newline"*) ;; *) return 0 ;; esac
    ! podman_reads_drop_ins || return 0
    lines=$(cat "$shared/layers" 2>/dev/null)
    for line in $lines; do
        line=${line#* }
        case $listed in
        *"$newline$line$newline"*) ;;
        *) [ ! -h "$line" ] || edit_list add "$line" ;;
        esac
    done
}

stores_in_conf() {
    [ ! -r "$conf" ] || additional_stores "$conf"
}

# edit_list add|remove PATH. The doctors of other packages may be at work on the same file.
edit_list() {
    problem=$({
        ! command -v flock >/dev/null || flock 9
        unset IFS
        set +fu
        # shellcheck source=/dev/null
        . "$library/scripts"
        "paack_storage_$1" "$2"
    } 9<"${conf%/*}" 2>&1)
    case $1$newline$(stores_in_conf)$newline in
    add*"$newline$2$newline"*) say ok layers "listed the store $2 in $conf" ;;
    remove*"$newline$2$newline"*)
        say FAIL layers "$2, which is not there, is still listed: $problem" "take it out of $conf"
        ;;
    add*) say FAIL layers "podman: $2 is not listed: $problem" "list it in $conf" ;;
    *) say ok layers "took the store $2, which is not there, out of $conf" ;;
    esac
}

is_listed() {
    case $newline$1$newline in *"$newline$path$newline"*) ;; *) return 1 ;; esac
}
