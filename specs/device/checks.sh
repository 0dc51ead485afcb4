{#- What the doctor looks at before it looks at records. Needs settings.sh, records.sh and the
    functions of doctor.sh. -#}
# Prints what is mounted on the store's place, or nothing.
mounted_there() {
    awk -v where="$mount_point" '$2 == where { source = $1 } END { print source }' /proc/self/mounts
}

check_kernel() {
    cure="take that out of /etc/modprobe.d, or build the package with another filesystem"
    known=$(grep -w "$filesystem" /proc/filesystems)
    module=$(modprobe --dry-run --verbose "fs-$filesystem" 2>&1)
    case $newline$module in
    *"${newline}install "*/true* | *"${newline}install "*/false*)
        if grep -qs "/${filesystem}[.]ko" "/lib/modules/$(uname -r)/modules.builtin"; then
            say ok kernel "$filesystem is part of it"
        elif [ -n "$known" ]; then
            say WARN kernel "it can mount $filesystem, but modprobe forbids that after a boot" "$cure"
        else
            say FAIL kernel "modprobe forbids it to mount $filesystem" "$cure"
        fi
        return
        ;;
    *"${newline}insmod "* | *"${newline}install "* | *"${newline}builtin "*) known=yes ;;
    esac
    if [ -z "$known" ]; then
        say FAIL kernel "it cannot mount $filesystem, or modprobe forbids it" "$cure"
    elif [ ! -e /dev/loop-control ] && [ -z "$(mounted_there)" ]; then
        say FAIL kernel "there are no loop devices" "modprobe loop"
    else
        say ok kernel "it can mount $filesystem"
    fi
}

check_store() {
    source=$(mounted_there)
    backing=$(cat "/sys/block/${source##*/}/loop/backing_file" 2>/dev/null)
    lock=$mount_point/overlay-layers/layers.lock
    remount="systemctl restart '$unit'"
    if [ ! -f "$store" ]; then
        say FAIL store "$store is missing" "reinstall $package"
    elif [ -z "$source" ]; then
        say FAIL store "$store is not mounted on $mount_point" "$remount"
    elif [ "$(cd -P "$path" 2>/dev/null && pwd -P)" != "$mount_point" ]; then
        say FAIL store "$path does not lead to $mount_point" "reinstall $package"
    elif [ ! -r "$lock" ] || [ ! -r "$mount_point/overlay-images/images.lock" ]; then
        say FAIL store "$source on $mount_point is no store" "$remount"
    else
        # On ostree the kernel may know the file by a longer path.
        case ${backing:-$source} in
        *"$store") say ok store "$store is mounted" ;;
        *) say FAIL store "${backing:-$source} is mounted, not $store" "$remount" ;;
        esac
    fi
}

# check_list TOOL STORES FILE CURE: is this store among them, once, and are all of them there?
check_list() {
    times=0
    for listed in $2; do
        if [ ! -d "$listed" ]; then
            # CRI-O reads both.
            file=$3
            ! grep -qsF "$listed" "$storage_conf" || file=$storage_conf
            say FAIL "$1" "it lists the store $listed, which is not there, and does not start" \
                "take it out of $file"
        elif [ "$(cd -P "$listed" && pwd -P)" = "$mount_point" ]; then
            times=$((times + 1))
        fi
    done
    case $times in
    0) say FAIL "$1" "$path is not listed in $3" "$4" ;;
    1) say ok "$1" "it lists the store $path" ;;
    *) say WARN "$1" "it lists the store $path $times times, and so its images" "list it once in $3" ;;
    esac
}

check_podman() {
    is_here podman || return 0
    check_list podman "$podman_stores" "$storage_conf" "reinstall $package"
    conf=/etc/containers/storage.conf
    if [ -e "/usr$conf" ] && ! cmp -s "/usr$conf" "$conf" && grep -qF "\"$path\"" "$conf"; then
        say WARN podman "$conf was edited: ostree keeps it, with $path, after an uninstall" \
            "take that line out before"
    fi
}

check_crio() {
    is_here crio || return 0
    check_list cri-o "$crio_stores" /etc/crio/crio.conf.d \
        "cp $shared/crio.conf $crio_conf; systemctl restart crio"
    if [ "$crio_repairs" != false ]; then
        say FAIL cri-o "internal_repair is not false: after a crash it wipes its storage" \
            "cp $shared/crio.conf $crio_conf, and set it in no file after that"
    fi
}

call_crictl() {
    call crictl --runtime-endpoint "unix://${crio_socket:-/var/run/crio/crio.sock}" --timeout 20s "$@"
}

# Does the tool $1 know the reference $2? The references that it lists are in found.
knows() {
    case $newline$found$newline in *"$newline$2$newline"*) return ;; esac
    case $1 in
    podman) call podman image exists "$2" ;;
    cri-o) call_crictl inspecti --quiet "$2" ;;
    *) false ;;
    esac >/dev/null 2>&1
}

# check_names TOOL CURE: does it know all references? Says the first three that it does not.
check_names() {
    missing=
    unknown=0
    for name in $names; do
        knows "$1" "$name" && continue
        unknown=$((unknown + 1))
        [ "$unknown" -le 3 ] || break
        missing="$missing $name"
    done
    [ "$unknown" -le 3 ] || missing="$missing and more"
    if [ "$unknown" = 0 ]; then
        say ok images "$1 finds all references, by tag and by digest"
    else
        say FAIL images "$1 does not find$missing" "$2"
    fi
}

# Which of the lines $3 (an image ID and a name, as the tool $1 lists them) come more often than the
# image is in the stores $2?
check_twice() {
    twice=$({
        for listed in $2; do
            (cd -P "$listed" 2>/dev/null && pwd -P)
        done | sort -u | while IFS= read -r directory; do
            records task=ids role=own "$directory/overlay-images/images.json" 2>/dev/null |
                sed 's/^/in-a-store /'
        done
        printf '%s\n' "$3"
    } | awk '
        $1 == "in-a-store" { stores[$2]++; next }
        { sub(/^sha256:/, "") }
        $1 in stores && ++seen[$0] > stores[$1] { print $2 == "" ? $1 : $2 }' | sort -u | head -n 3)
    [ -z "$twice" ] || say WARN images "$1 lists twice: $twice" "list each store once"
}

check_images_of_podman() {
    format='{% raw %}{{.ID}} {{.Repository}}:{{.Tag}} {{.ReadOnly}} {{.Names}} {{.RepoDigests}}{% endraw %}'
    listed=$(call podman images --no-trunc --format "$format" 2>/dev/null)
    # shellcheck disable=SC2020
    found=$(printf '%s\n' "$listed" | tr '[] ' '\n\n\n')
    check_names podman "podman image inspect says why"
    check_twice podman "$podman_stores" "$(printf '%s\n' "$listed" | grep ' true \[')"
}

check_images_of_crio() {
    # All at once, as each call takes its time; it stops at the first one that is not there.
    # shellcheck disable=SC2086
    if call_crictl inspecti --quiet $names >/dev/null 2>&1; then
        found=$names
    elif ! call_crictl version >/dev/null 2>&1; then
        say WARN images "cri-o runs, but does not answer crictl" "systemctl status crio"
        return
    fi
    check_names cri-o "crictl inspecti says why; or systemctl restart crio"
    # It also lists what was pulled, and does not tell that apart.
    stores=$crio_stores$newline$(printf '%s\n' "$roots" | cut -f 1)
    check_twice cri-o "$stores" "$(call_crictl images --quiet --no-trunc 2>/dev/null)"
}

check_images() {
    names=$(cat "$shared/images" 2>/dev/null)
    found=
    checked=
    if [ -z "$names" ]; then
        say FAIL images "$shared/images, the list of references, is missing" "reinstall $package"
        return
    fi
    if is_here podman; then
        checked=1
        check_images_of_podman
    fi
    found=
    if is_here crictl && storage_users | grep -qw crio; then
        checked=1
        check_images_of_crio
    fi
    if [ -z "$checked" ]; then
        found=$(records task=names role=own "$mount_point/overlay-images/images.json" 2>/dev/null)
        check_names "the store" "systemctl restart '$unit', or reinstall $package"
    fi
}
