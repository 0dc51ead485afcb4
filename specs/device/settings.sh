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
        gsub(/[][= \t"\047]/, "", raw)
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

# Sets what podman and CRI-O read: podman_stores and crio_stores (paths, one a line), storage_conf
# (the file), roots (one a line: graphroot and runroot, a tab between them; of the driver overlay).
read_configuration() {
    storage_conf=/etc/containers/storage.conf
    [ -e "$storage_conf" ] || storage_conf=/usr/share/containers/storage.conf
    set --
    [ ! -r "$storage_conf" ] || set -- "$storage_conf"
    crio_stores=$(additional_stores "$@" | sed 's/^/overlay.imagestore=/')
    if podman_reads_drop_ins; then
        # Of files of one name, the last one counts.
        for conf in $(
            for directory in storage.conf.d storage.rootful.conf.d; do
                for conf in /usr/share/containers/$directory/*.conf \
                    /etc/containers/$directory/*.conf; do
                    [ ! -f "$conf" ] || echo "$conf"
                done
            done | awk -F / '{ last[$NF] = $0 } END { for (name in last) print name "/" last[name] }' |
                sort | cut -d / -f 2-
        ); do
            set -- "$@" "$conf"
        done
    fi
    podman_stores=$(additional_stores "$@")
    graph=$(setting storage.graphroot "$@")
    run=$(setting storage.runroot "$@")
    driver=$(setting storage.driver "$@")
    roots=
    case $driver in
    '' | overlay*) roots="${graph:-/var/lib/containers/storage}	${run:-/run/containers/storage}" ;;
    esac
    set --
    for conf in /etc/crio/crio.conf /etc/crio/crio.conf.d/.[!.]* /etc/crio/crio.conf.d/*; do
        [ ! -f "$conf" ] || set -- "$@" "$conf"
    done
    crio_stores=$({
        echo "$crio_stores"
        settings "$@" | awk -F '\t' '$1 == "crio.storage_option" && $2 == "\"" { print $3 }'
    } | awk '!seen[$0]++ && sub(/^([a-z0-9]+[.])?(additional)?imagestore=/, "")')
    crio_repairs=$(setting crio.internal_repair "$@")
    graph=$(setting crio.root "$@")
    run=$(setting crio.runroot "$@")
    case $(setting crio.storage_driver "$@") in
    '' | overlay*) [ -z "$graph" ] || roots="$roots$newline$graph	${run:-/run/containers/storage}" ;;
    esac
}
