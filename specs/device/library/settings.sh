# shellcheck shell=sh
# The configuration of podman and CRI-O, and the stores that it names. Needs toml.sh.

# Prints the last value of the key $2 in the settings $1.
setting() {
    printf '%s\n' "$1" | awk -F '\t' -v key="$2" '$1 == key { value = $3 } END { print value }'
}

# Prints the additional image stores in files of containers-storage.conf(5).
additional_stores() {
    settings "$@" | stores_of
}

# Prints the additional image stores in settings, in their order: a list replaces the one of the
# files before it, unless {append=true} is in it or in one of those.
stores_of() {
    awk -F '\t' '
    $1 == "storage.options.additionalimagestores.append" { append = $3 == "true" }
    $1 != "storage.options.additionalimagestores" { next }
    $2 == "[" { count = 0 }
    $2 == "\"" { item[++count] = $3 }
    $2 == "]" {
        if (!append) kept = 0
        for (i = 1; i <= count; i++) store[++kept] = item[i]
    }
    END { for (i = 1; i <= kept; i++) print store[i] }'
}

# Prints the files that podman reads, in their order. Of drop-ins of one name the last one counts.
storage_confs() {
    set +f
    [ ! -r "$storage_conf" ] || echo "$storage_conf"
    podman_reads_drop_ins || return 0
    for conf in /usr/share/containers/storage.conf.d/*.conf \
        /usr/share/containers/storage.rootful.conf.d/*.conf \
        /etc/containers/storage.conf.d/*.conf /etc/containers/storage.rootful.conf.d/*.conf; do
        [ ! -f "$conf" ] || [ -h "$conf" ] || echo "$conf"
    done | awk -F / '
        { last[$NF] = $0 }
        END { for (name in last) print name "/" last[name] }' | sort | cut -d / -f 2-
}

# Prints the files that CRI-O reads, in their order.
crio_confs() {
    set +f
    for conf in /etc/crio/crio.conf /etc/crio/crio.conf.d/.[!.]* /etc/crio/crio.conf.d/*; do
        [ ! -f "$conf" ] || echo "$conf"
    done
}

# Sets podman_stores and crio_stores (paths, one a line), podman_faults and crio_faults (what is not
# TOML), crio_repairs, crio_socket, storage_conf (the file) and roots (one a line: graphroot and
# runroot of the driver overlay, with a tab between).
# CRI-O reads storage.conf, too, but no drop-ins of it; it adds up what it finds.
read_configuration() {
    storage_conf=/etc/containers/storage.conf
    [ -e "$storage_conf" ] || storage_conf=/usr/share/containers/storage.conf
    roots=
    # shellcheck disable=SC2046
    set -- $(storage_confs)
    of_storage=$(settings "$@")
    podman_faults=$(faults_of "$of_storage")
    podman_stores=$(printf '%s\n' "$of_storage" | stores_of)
    add_root "$(setting "$of_storage" storage.driver)" \
        "$(setting "$of_storage" storage.graphroot)" "$(setting "$of_storage" storage.runroot)"
    [ "$*" = "$storage_conf" ] || of_storage=$([ ! -r "$storage_conf" ] || settings "$storage_conf")
    # shellcheck disable=SC2046
    set -- $(crio_confs)
    of_crio=$(settings "$@")
    crio_faults=$(faults_of "$of_storage$newline$of_crio")
    crio_stores=$({
        printf '%s\n' "$of_storage" | stores_of | sed 's/^/overlay.imagestore=/'
        printf '%s\n' "$of_crio" | awk -F '\t' '$1 == "crio.storage_option" && $2 == "\"" { print $3 }'
    } | awk '!seen[$0]++ && sub(/^([a-z0-9]+[.])?(additional)?imagestore=/, "") && $0 != ""')
    crio_repairs=$(setting "$of_crio" crio.internal_repair)
    crio_socket=$(setting "$of_crio" crio.api.listen)
    root=$(setting "$of_crio" crio.root)
    [ -z "$root" ] || add_root "$(setting "$of_crio" crio.storage_driver)" "$root" \
        "$(setting "$of_crio" crio.runroot)"
}

# Prints the files of which settings $1 are that are not TOML, and why.
faults_of() {
    printf '%s\n' "$1" | awk -F '\t' '$2 == "!" { print $3 }'
}

# add_root DRIVER GRAPHROOT RUNROOT, as they are set
add_root() {
    case $1 in '' | overlay*) ;; *) return ;; esac
    roots=$roots$newline${2:-/var/lib/containers/storage}$tab${3:-/run/containers/storage}
}
