# shellcheck shell=sh
# What the doctor looks at before it looks at images and records. Needs settings.sh and doctor.sh.

# Once for each filesystem of the packages.
check_kernel() {
    modprobe_cure="take that out of /etc/modprobe.d, or build the package with another filesystem"
    known=$(grep -w "$filesystem" /proc/filesystems)
    module=$(modprobe --dry-run --verbose "fs-$filesystem" 2>&1)
    case $newline$module in
    *"${newline}install "*/true* | *"${newline}install "*/false*)
        if grep -qs "/${filesystem}[.]ko" "/lib/modules/$(uname -r)/modules.builtin"; then
            say ok kernel "$filesystem is part of it"
        elif [ -n "$known" ]; then
            say WARN kernel "it can mount $filesystem, but modprobe forbids that after a boot" \
                "$modprobe_cure"
        else
            say FAIL kernel "modprobe forbids it to mount $filesystem" "$modprobe_cure"
        fi
        return
        ;;
    *"${newline}insmod "* | *"${newline}install "* | *"${newline}builtin "*) known=yes ;;
    esac
    find_source "$mount_point"
    if [ -z "$known" ]; then
        say FAIL kernel "it cannot mount $filesystem, or modprobe forbids it" "$modprobe_cure"
    elif [ ! -e /dev/loop-control ] && [ -z "$source" ]; then
        say FAIL kernel "there are no loop devices" "modprobe loop"
    else
        say ok kernel "it can mount $filesystem"
    fi
}

# Sets backing to the file behind the device $source, mapped to the names of packs behind it, and
# verified if dm-verity checks what is read.
find_backing() {
    backing=
    mapped=
    verified=
    node=${source##*/}
    case $source in
    /dev/mapper/*)
        # A link only where udev runs.
        set +f
        for file in /sys/block/dm-*/dm/name; do
            text_of "$file" || continue
            [ "$text" = "${source##*/}$newline" ] || continue
            node=${file%/dm/name}
            node=${node##*/}
        done
        set -f
        ;;
    esac
    if [ -r "/sys/block/$node/dm/uuid" ]; then
        IFS= read -r uuid <"/sys/block/$node/dm/uuid"
        case $uuid in CRYPT-VERITY-*) verified=1 ;; esac
    fi
    set +f
    for file in "/sys/block/$node/loop/backing_file" /sys/block/"$node"/slaves/*/loop/backing_file; do
        [ -r "$file" ] || continue
        IFS= read -r line <"$file"
        # The hash tree has a loop device, too.
        case $line in
        *.verity) ;;
        */container-packs/*) mapped=$mapped$newline${line##*/} ;;
        *) backing=$line ;;
        esac
    done
    set -f
}

check_store() {
    find_source "$mount_point"
    find_real "$path"
    reinstall "$package"
    find_backing
    remount="systemctl restart '$unit'"
    if [ ! -f "$store" ]; then
        say FAIL store "$store is missing" "$cure"
    elif [ -z "$source" ]; then
        [ "$layers" != packed ] ||
            remount="$remount; if it fails: systemctl status 'paack-packs-$package.service'"
        if [ -e "$store.verity" ] && ! mount --version 2>/dev/null | grep -q verity; then
            say FAIL store "$store cannot be mounted: mount(8) knows no verity" "dnf upgrade util-linux"
        else
            say FAIL store "$store is not mounted on $mount_point" "$remount"
        fi
    elif [ "$real" != "$mount_point" ]; then
        say FAIL store "$path does not lead to $mount_point" "$cure"
    elif [ ! -r "$mount_point/overlay-layers/layers.lock" ] ||
        [ ! -r "$mount_point/overlay-images/images.lock" ]; then
        say FAIL store "$source on $mount_point is no store" "$remount"
    else
        # On ostree the kernel may know the file by a longer path.
        case ${backing:-$source} in
        *"$store")
            if [ -n "$verified" ]; then
                say ok store "$store is mounted, and each block is verified when it is read"
            elif [ -e "$store.verity" ]; then
                say WARN store "$store is mounted, but nothing verifies it" "$remount"
            else
                say ok store "$store is mounted"
            fi
            ;;
        *) say FAIL store "${backing:-$source} is mounted, not $store" "$remount" ;;
        esac
    fi
}

# --deep: is the store's file the one that the package brought? All of it is read.
check_content() {
    reinstall "$package"
    wanted=$(rpm -q --qf '[%{FILENAMES} %{FILEDIGESTS}\n]' "$package" 2>/dev/null |
        awk -v file="$store" '$1 == file { print $2 }')
    found=$(sha256sum "$store" 2>/dev/null) || found=none
    if [ -z "$wanted" ]; then
        say WARN content "rpm does not know $store" "rpm -qf '$store'"
    elif [ "$wanted" = "${found%% *}" ]; then
        say ok content "$store is what the package brought"
    else
        say FAIL content "$store is not what the package brought" "$cure"
    fi
}

# Sets real_listed to where the stores $1 really are, one a line, without those that are not there.
real_stores() {
    real_listed=
    for line in $1; do
        find_real "$line"
        [ -z "$real" ] || real_listed=$real_listed$newline$real
    done
}

# check_missing TOOL STORES FILE...: are all stores there that it lists in these files?
check_missing() {
    tool=$1
    listed=$2
    shift 2
    for line in $listed; do
        [ ! -d "$line" ] || continue
        file=$(grep -lsF "$line" "$@" | tail -n 1)
        cure="take it out of $file"
        if grep -qsF "\"$line\"" "$file"; then
            cure="sed -i 's|, *\"$line\"||; s|\"$line\" *,*||' $file"
        elif grep -qsF "imagestore=$line\"" "$file"; then
            cure="sed -i 's|\"[a-z.]*imagestore=$line\" *,*||' $file"
        fi
        say FAIL "$tool" "it lists the store $line, which is not there, and does not start" "$cure"
    done
}

# check_list TOOL REAL FILE CURE ONCE: is the package's store among the real stores, once?
check_list() {
    times=0
    for line in $2; do
        [ "$line" != "$mount_point" ] || times=$((times + 1))
    done
    case $times in
    0) say FAIL "$1" "$path is not listed in $3" "$4" ;;
    1) say ok "$1" "it lists the store $path" ;;
    *) say WARN "$1" "it lists the store $path $times times, and so its images" "$5" ;;
    esac
}

# Of the packages, for podman, if it is here.
check_podman() {
    for line in $podman_faults; do
        say FAIL podman "$line" "mend it"
    done
    # shellcheck disable=SC2046
    check_missing podman "$podman_stores" $(storage_confs)
    conf=/etc/containers/storage.conf
    ! podman_reads_drop_ins || check_other_users
    edited=
    [ ! -e "/usr$conf" ] || cmp -s "/usr$conf" "$conf" || edited=1
    for package in $packages; do
        use_package "$package" || continue
        mask=/etc/containers/storage.rootful.conf.d/${podman_conf##*/}
        cure="$self --repair"
        if podman_reads_drop_ins && { [ -e "$mask" ] || [ -h "$mask" ]; }; then
            cure="rm $mask"
        fi
        place=$storage_conf
        once="list it once in $storage_conf"
        if podman_reads_drop_ins; then
            place=$podman_conf
            ! grep -qsF "\"$path\"" "$conf" || once="$self --repair"
        fi
        check_list podman "$podman_real" "$place" "$cure" "$once"
        if [ -n "$edited" ] && grep -qF "\"$path\"" "$conf"; then
            say WARN podman "$conf was edited: ostree keeps it, with $path, after an uninstall" \
                "take that line out before"
        fi
    done
}

# With a podman that reads drop-ins, $conf is for all users.
check_other_users() {
    [ -r "$conf" ] || return 0
    of_conf=$(settings "$conf")
    graphroot=$(setting "$of_conf" storage.graphroot)
    runroot=$(setting "$of_conf" storage.runroot)
    [ -n "$graphroot$runroot" ] || return 0
    cure="move both to a file in /etc/containers/storage.rootful.conf.d"
    case ${graphroot:-/var/lib/containers/storage}:${runroot:-/run/containers/storage} in
    /var/lib/containers/storage:/run/containers/storage | \
        /var/lib/containers/storage:/var/run/containers/storage)
        cure="sed -i '/^ *runroot *=/d; /^ *graphroot *=/d' $conf"
        ;;
    esac
    status=WARN
    read -r line <"$conf"
    case $line in '# paack made this file'*) status=FAIL ;; esac
    for line in $(printf '%s\n' "$of_conf" | stores_of); do
        set +f
        ! grep -qsF "\"$line\"" /usr/share/paack/*/storage.conf || cure="$self --repair"
        set -f
    done
    say "$status" podman "$conf sets runroot or graphroot: podman of other users does not start" "$cure"
}

# Of the packages, for CRI-O, if it is here.
check_crio() {
    for line in $crio_faults; do
        say FAIL cri-o "$line" "mend it"
    done
    # CRI-O reads both.
    # shellcheck disable=SC2046
    check_missing cri-o "$crio_stores" $(crio_confs) "$storage_conf"
    for package in $packages; do
        use_package "$package" || continue
        check_list cri-o "$crio_real" /etc/crio/crio.conf.d \
            "cp $shared/crio.conf $crio_conf; systemctl restart crio" \
            "list it once in /etc/crio/crio.conf.d"
    done
    if [ "$crio_repairs" != false ]; then
        cure="cp $shared/crio.conf $crio_conf; systemctl restart crio"
        for file in $(crio_confs); do
            case $file in "$crio_conf") continue ;; esac
            [ -z "$(setting "$(settings "$file")" crio.internal_repair)" ] ||
                cure="sed -i '/internal_repair/d' $file; $cure"
        done
        say FAIL cri-o "internal_repair is not false: after a crash it wipes its storage" "$cure"
    fi
}
