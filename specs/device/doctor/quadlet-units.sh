# shellcheck shell=sh
# Quadlet units of packages: did podman make services of them, are their images there? Needs images.sh.

check_units() {
    unit_lists=
    set +f
    for list in /usr/share/paack/*/units; do
        package=${list%/units}
        package=${package##*/}
        if [ -s "$list" ] && { [ -n "$all" ] || [ "$package" = "$called" ]; }; then
            unit_lists=$unit_lists$newline$list
        fi
    done
    set -f
    [ -n "$unit_lists" ] || return 0
    units_are_good=1
    # shellcheck disable=SC2086
    find_unmade $unit_lists
    for list in $unit_lists; do
        package=${list%/units}
        package=${package##*/}
        while IFS=' ' read -r service _ _ unit images; do
            # What an administrator wrote stands in its place.
            [ ! -e "/etc/containers/systemd/$unit" ] || continue
            check_unit
        done <"$list"
    done
    [ -z "$units_are_good" ] || say ok units "all units of packages are known, and their images are there"
}

# Sets unmade: the services of the lists that systemd does not know.
find_unmade() {
    unmade=
    systemd_runs || return 0
    services=$(sed 's/ .*//; /[*]/d' "$@")
    # shellcheck disable=SC2086
    unmade=$(systemctl show --property=Id,LoadState $services 2>/dev/null |
        awk -F = '{ of[$1] = $2 } $1 == "LoadState" || $1 == "Id" {
            if ("Id" in of && "LoadState" in of) { if (of["LoadState"] == "not-found") print of["Id"]; delete of } }')
}

check_unit() {
    if has_line "$unmade" "$service"; then
        units_are_good=
        say FAIL units "podman makes no $service of $unit" "/usr/libexec/podman/quadlet -dryrun says why"
    fi
    while [ -n "$images" ]; do
        image=${images%% *}
        [ "$image" = "$images" ] && images='' || images=${images#* }
        has_line "${listed_names-}" "$image" || knows podman "$image" || {
            units_are_good=
            say FAIL units "$unit of $package needs $image, which is not there" \
                "dnf install 'container-image($image)'"
        }
    done
}

# After a power cut the first call of podman 5.4 may crash where a pod ran, whatever it is asked. That is
# not to be one that starts a unit.
wake_podman() {
    [ -e /var/lib/containers/storage/db.sql ] || return 0
    for _ in 1 2 3; do
        ! call podman ps --quiet >/dev/null 2>&1 || break
    done
}
