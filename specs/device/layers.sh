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
    if [ "$count" = 0 ]; then
        say FAIL layers "$shared/layers, the list of packages of layers, is missing" \
            "reinstall $package"
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
        say FAIL layers "podman: $path is not listed in $storage_conf" "$cure"
    elif is_here crio && ! is_listed "$crio_stores"; then
        say FAIL layers "cri-o: $path is not listed in /etc/crio/crio.conf.d" "$cure"
    else
        return 0
    fi
    return 1
}

is_listed() {
    case $newline$1$newline in *"$newline$path$newline"*) ;; *) return 1 ;; esac
}
