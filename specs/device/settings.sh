{#- The configuration of podman and CRI-O, and the stores that it names. Needs nothing. -#}
# Prints the values in TOML files, one a line: key, kind, value, with tabs between them. Kinds are
# " (a string), = (a number or a word), { (an inline table in a list), [ and ] (around a list).
settings() {
    awk '
    function eat(pattern) {
        if (!match(text, pattern) || RSTART != 1) return 0
        token = substr(text, 1, RLENGTH)
        text = substr(text, RLENGTH + 1)
        return 1
    }

    function emit(kind, value) {
        print key "\t" kind "\t" value
    }

    function name(raw) {
        gsub(/[] "=\t\047[]/, "", raw)
        return tolower(raw)
    }

    # No path of a store has escapes or line ends in it.
    function value(    outer) {
        eat("^[ \t]+")
        if (eat(LONG)) return
        if (eat(STRING)) emit("\"", substr(token, 2, length(token) - 2))
        else if (eat("^\\[")) {
            emit("[", "")
            while (text != "" && !eat("^\\]")) {
                if (eat("^[ \t\r\n,]+") || eat("^#[^\n]*")) continue
                if (eat("^[{][^}\n]*[}]")) {
                    gsub(/[ \t]/, "", token)
                    emit("{", token)
                } else value()
            }
            emit("]", "")
        } else if (eat("^[{]")) {
            outer = key
            while (text != "" && !eat("^[}]")) {
                if (eat("^[ \t,]+")) continue
                if (!eat("^[^={}\n]*=")) break
                key = outer "." name(token)
                value()
            }
            key = outer
        } else if (eat("^[^][{},# \t\r\n]+")) emit("=", token)
        else eat("^.|^\n")
    }

    function file(    table) {
        table = ""
        while (text != "") {
            if (eat("^[ \t\r\n]+") || eat("^#[^\n]*")) continue
            if (eat("^\\[+[^]\n]*\\]+")) table = name(token) "."
            else if (eat("^[^=\n]*=")) {
                key = table name(token)
                value()
            } else eat("^[^\n]*\n?")
        }
    }

    BEGIN {
        LONG = "^(\"\"\"(\"?\"?([^\"\\\\]|\\\\.))*\"\"\"|TTT(T?T?[^T])*TTT)"
        STRING = "^(\"([^\"\\\\\n]|\\\\.)*\"|T[^T\n]*T)"
        gsub("T", "\047", LONG)
        gsub("T", "\047", STRING)
    }
    FNR == 1 { file() }
    !/^[ \t]*#/ { text = text $0 "\n" }
    END { file() }' "$@" </dev/null
}

# Prints the last value of a key in files: setting KEY FILE...
setting() {
    key=$1
    shift
    settings "$@" | awk -F '\t' -v key="$key" '$1 == key { value = $3 } END { print value }'
}

# Prints the additional image stores in files of containers-storage.conf(5), in their order: a list
# replaces the one of the files before it, unless {append=true} is in it or in one of those.
additional_stores() {
    settings "$@" | awk -F '\t' '
    $1 != "storage.options.additionalimagestores" { next }
    $2 == "[" { count = 0 }
    $2 == "\"" { item[++count] = $3 }
    $2 == "{" { append = $3 == "{append=true}" }
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

# Sets podman_stores and crio_stores (paths, one a line), crio_repairs, crio_socket, storage_conf
# (the file) and roots (one a line: graphroot and runroot of the driver overlay, with a tab between).
# CRI-O reads storage.conf, too, but no drop-ins of it; it adds up what it finds.
read_configuration() {
    storage_conf=/etc/containers/storage.conf
    [ -e "$storage_conf" ] || storage_conf=/usr/share/containers/storage.conf
    roots=
    # shellcheck disable=SC2046
    set -- $(storage_confs)
    podman_stores=$(additional_stores "$@")
    add_root "$(setting storage.driver "$@")" \
        "$(setting storage.graphroot "$@")" "$(setting storage.runroot "$@")"
    crio_stores=$([ ! -r "$storage_conf" ] || additional_stores "$storage_conf")
    # shellcheck disable=SC2046
    set -- $(crio_confs)
    crio_stores=$({
        printf '%s\n' "$crio_stores" | sed 's/^/overlay.imagestore=/'
        settings "$@" | awk -F '\t' '$1 == "crio.storage_option" && $2 == "\"" { print $3 }'
    } | awk '!seen[$0]++ && sub(/^([a-z0-9]+[.])?(additional)?imagestore=/, "") && $0 != ""')
    crio_repairs=$(setting crio.internal_repair "$@")
    crio_socket=$(setting crio.api.listen "$@")
    root=$(setting crio.root "$@")
    [ -z "$root" ] ||
        add_root "$(setting crio.storage_driver "$@")" "$root" "$(setting crio.runroot "$@")"
}

# add_root DRIVER GRAPHROOT RUNROOT, as they are set
add_root() {
    case $1 in '' | overlay*) ;; *) return ;; esac
    roots=$roots$newline${2:-/var/lib/containers/storage}$tab${3:-/run/containers/storage}
}
