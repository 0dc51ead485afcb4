# shellcheck shell=sh
# What the doctor does, in its order.

json='' quiet='' repair='' keep_containers='' force='' all='' deep='' elected='' list='' checks=''
failed=0
for option; do
    case $option in
    --json) json=1 ;;
    --quiet) quiet=1 ;;
    --repair) repair=1 ;;
    --keep-containers) keep_containers=1 ;;
    --force) force=1 ;;
    --all) all=1 ;;
    --deep) deep=1 ;;
    --elected) elected=1 ;;
    --list) list=1 ;;
    *) usage ;;
    esac
done
[ -n "$repair" ] || [ -z "$force$keep_containers" ] || usage
[ -z "$elected" ] || is_elected || exit 0
[ -z "$list" ] || {
    list_once
    exit 0
}
# The directory in which it was called tells the package.
called=${0%/*}
called=${called##*/}
[ -n "$all" ] || [ -e "/usr/share/paack/$called/package" ] || [ -d "/usr/share/paack/$called" ] || usage
if [ "$(id -u)" -ne 0 ]; then
    echo "$0: only root can see container storage" >&2
    exit 2
fi

packages=$called
self="/usr/libexec/paack/$called/doctor"
if [ -n "$all" ]; then
    self="$program/doctor --all"
    packages=
    set +f
    for file in /usr/share/paack/*/package; do
        file=${file%/package}
        [ ! -r "$file/package" ] || packages=$packages$newline${file##*/}
    done
    set -f
fi

# podman is asked once.
find_reader
podman_reads_drop_ins() {
    [ "$reader" = drop-ins ]
}

read_mounts
[ -z "$repair" ] || repair_lists
read_configuration
[ -n "$repair" ] || {
    real_stores "$podman_stores"
    podman_real=$real_listed
    real_stores "$crio_stores"
    crio_real=$real_listed
    filesystems=
    good_layers=
    any_layers=
    good_packs=
    any_packs=
    for package in $packages; do
        if ! use_package "$package"; then
            reinstall "$package"
            say FAIL store "/usr/share/paack/$package/package is missing" "$cure"
            continue
        fi
        has_line "$filesystems" "$filesystem" || check_kernel
        filesystems=$filesystems$newline$filesystem
        check_store
        [ -z "$deep" ] || check_content
        [ "$layers" != shared ] || {
            any_layers=1
            check_layers
        }
        [ "$layers" != packed ] || {
            any_packs=1
            check_packs
        }
    done
    [ -z "$any_layers" ] || check_leftovers
    [ -z "$any_packs" ] || check_leftover_packs
    ! is_here podman || check_podman
    ! is_here crio || check_crio
    check_images
    ! is_here podman || check_updates
    ! is_here podman || check_units
    ! is_here crio || {
        check_policies
        check_kubelet
    }
}
[ -z "$repair" ] || mend_names
check_records
[ -z "$repair" ] || [ -z "$elected" ] || wake_podman
if [ -n "$json" ]; then
    [ "$failed" = 0 ] && ok=true || ok=false
    what="\"package\":\"$packages\""
    [ -z "$all" ] || what="\"packages\":[$(
        printf '%s\n' "$packages" | sed '/^$/d; s/.*/"&"/' | paste -s -d , -
    )]"
    printf '%s\n' "{$what,\"ok\":$ok,\"checks\":[$checks]}"
fi
exit "$failed"
