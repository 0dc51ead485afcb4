# shellcheck shell=sh
# What the scriptlets of a package with images do, after they have set its variables (common.sh).
# Needs common.sh, list-delist.sh and pinned-images.sh.

paack_post() {
    name_files
    remove_leftovers
    # First the empty store, then the real one over it. That comes in %posttrans when it needs layers
    # of other packages: a CRI-O that does not know their stores yet would list no image at all.
    # Where systemd does not run the boot does all that: what an image of an operating system has in
    # /run is hidden there, and `bootc container lint` warns of it.
    if systemd_runs; then
        systemctl daemon-reload || :
        [ "$layers" = shared ] || unmount_store
        systemd-tmpfiles --create "/usr/lib/tmpfiles.d/paack-$name.conf" || :
        [ "$layers" = shared ] || mount_store
    fi
    # Then what lists it. CRI-O follows in %posttrans: once, however many packages there are.
    list_store && action=restart || action=
    paack_pinned_images && action=${action:-reload}
    if systemd_runs && mkdir -p /run/paack; then
        : >/run/paack/.crio-list
        [ -z "$action" ] || : >"/run/paack/.crio-$action"
    fi
}

# A podman or buildah has come, maybe one that reads other files than the one before it.
paack_podman_came() {
    name_files
    [ ! -e "$shared/crio.conf" ] || fit_storage_conf
}

# paack_posttrans DOCTOR: what all %post of this transaction, and of one that was killed before this
# one, asked for.
paack_posttrans() {
    name_files
    systemd_runs || return 0
    if rm /run/paack/.crio-restart 2>/dev/null; then
        rm -f /run/paack/.crio-reload /run/paack/.crio-list
        restart_service crio.service
        # One that stays up knows the stores that were listed when it started.
        restart_service podman.service
    elif rm /run/paack/.crio-reload 2>/dev/null; then
        reload_service crio.service
    fi
    # Now everything knows the stores of the layers.
    if [ "$layers" = shared ]; then
        unmount_store
        mount_store
        : >/run/paack/.crio-list
    fi
    # One that goes on finds an image that is new only when it has listed all (boot/crio-service.conf).
    if rm /run/paack/.crio-list 2>/dev/null && systemctl --quiet is-active crio.service; then
        "$1" --list
    fi
}

# paack_preun LIBRARY COUNT. False when the package must not be erased. %postun, for which the program
# may be gone, has a copy of the library.
paack_preun() {
    name_files
    if mkdir -p /run/paack 2>/dev/null; then
        cp "$1" "/run/paack/.$name-library" 2>/dev/null || rm -f "/run/paack/.$name-library"
    fi
    if [ "$2" -gt 0 ]; then
        # An upgrade; the files of the new version are there. Has it another path, or no store?
        case $(cat "$shared/crio.conf" 2>/dev/null) in
        *"=$path\""*) ;;
        '')
            paack_storage_remove "$path" || :
            delist_layers || :
            ;;
        *) paack_storage_remove "$path" || : ;;
        esac
        return 0
    fi
    if ! delist_store || ! delist_layers; then
        paack_say "not erased: podman and CRI-O would not start with a store that is listed and missing"
        return 1
    fi
    paack_pinned_images "$name" || :
    if systemd_runs; then
        # A CRI-O or podman that runs would make the directories of the store anew. This is once for
        # each package: nothing runs at the end of a transaction that only erases.
        restart_service crio.service
        restart_service podman.service
        unmount_store
    fi
}

# paack_postun COUNT
paack_postun() {
    name_files
    rm -f "/run/paack/.$name-library"
    # The next version may have all layers itself: until now its mount needed those of others.
    if [ "$layers" = shared ] && systemd_runs &&
        [ ! -e "/usr/lib/systemd/system/$unit.d/10-layers.conf" ]; then
        systemctl daemon-reload || :
    fi
    # An upgrade, but not to a version without images?
    if [ -e "$shared/crio.conf" ]; then
        rmdir /run/paack 2>/dev/null || :
        return 0
    fi
    # After %preun of an erase all this is done, but for the directory.
    delist_store || :
    paack_pinned_images || :
    unmount_store
    is_mounted || rm -rf "$mount_point"
    rmdir /run/paack 2>/dev/null || :
    remove_leftovers
    if systemd_runs; then
        systemctl daemon-reload || :
        systemctl reset-failed "$unit" 2>/dev/null || :
        [ "$layers" != packed ] || systemctl reset-failed "paack-packs-$name.service" 2>/dev/null || :
        [ "$1" -eq 0 ] || restart_service crio.service
    fi
}
