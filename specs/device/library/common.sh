# shellcheck shell=sh
# What scriptlets share. They run on plain dnf hosts, in container builds and under rpm-ostree, in
# any POSIX shell, and must not fail where nothing can be done.
#
tab='	'
newline='
'

# A package is in these variables: name, path, filesystem, unit (of its mount), layers (bundled,
# shared, packed or group: what its store has). use_package sets the others of them.

# use_package NAME: sets the variables of a package that is there. False when its description is not.
use_package() {
    name=$1 path='' filesystem='' unit='' layers=''
    description=/usr/share/paack/$name/package
    [ -r "$description" ] || return 1
    while IFS='=' read -r key value; do
        case $key in
        path) path=$value ;;
        filesystem) filesystem=$value ;;
        unit) unit=$value ;;
        layers) layers=$value ;;
        esac
    done <"$description"
    name_files
}

name_files() {
    store=$path.$filesystem
    [ "$layers" != packed ] || store=$path.index
    mount_point=/run/paack/$name
    shared=/usr/share/paack/$name
    crio_conf=/etc/crio/crio.conf.d/50-$name.conf
    podman_conf=/usr/share/containers/storage.rootful.conf.d/50-$name.conf
}

paack_say() {
    printf '%s: %s\n' "$name" "$*" >&2
}

# Whether systemd runs here, and not only its files lie here.
systemd_runs() {
    [ -d /run/systemd/system ] && [ -z "${SYSTEMD_OFFLINE:-}" ] && command -v systemctl >/dev/null
}

is_mounted() {
    grep -qF " $mount_point " /proc/self/mounts 2>/dev/null
}

# Containers that run keep what they have mounted of the store.
unmount_store() {
    if systemd_runs; then
        systemctl stop "$unit" 2>/dev/null || :
    fi
    while is_mounted; do
        umount "$mount_point" 2>/dev/null || umount -l "$mount_point" || break
    done
}

mount_store() {
    systemctl restart "$unit" || paack_say "the store is not mounted; see: systemctl status '$unit'"
}

# Restarts the service $1 if it runs. Many packages in a row must not be taken for a crash loop.
restart_service() {
    [ "$(systemctl show --property=LoadState --value "$1")" = loaded ] || return 0
    systemctl reset-failed "$1" || :
    systemctl try-restart "$1" || paack_say "$1 does not start; see: systemctl status $1"
}

reload_service() {
    ! systemctl --quiet is-active "$1" || systemctl reload "$1" || :
}

# What a killed rpm left half written: it may be gigabytes.
remove_leftovers() {
    rm -f "$store;"????????
    # Packages of packs have no scriptlets.
    [ "$layers" != packed ] || rm -f "$path.packs;"???????? "/usr/lib/container-packs/"*";"????????
}
