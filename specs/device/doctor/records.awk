function odd(reason) {
    if (!bad) print "odd" TAB file TAB reason
    bad = failed = 1
}

function begin() {
    begun++
    file = FILENAME
    want = "value"
    bad = inside = depth = 0
    text = raw = ""
}

function finish() {
    if (file != "" && !bad && want != "end") odd("it ends too early")
    file = ""
}

# Does a backslash before it make the next quote part of the string?
function escaped(    n) {
    n = 0
    while (n < length(text) && substr(text, length(text) - n, 1) == "\\") n++
    return n % 2
}

function after_value() {
    want = depth ? "," : "end"
}

function value_allowed() {
    return want == "value" || want == "first value"
}

function string(    rest) {
    rest = text
    if (index(rest, "\\")) gsub(ESCAPE, "", rest)
    if (index(rest, "\\") || rest ~ /[\001-\037]/) odd("a string that is not JSON")
    else if (want == "key" || want == "first key") {
        if (depth == 2) record_key()
        want = ":"
    } else if (!value_allowed() || depth < 2) odd("a string where none is expected")
    else {
        if (depth == 3 && key in LISTS) list[key] = list[key] "\n" text
        else if (depth == 2 && key in LISTS) odd("no list of " key)
        else if (depth == 2) field[key] = text
        if (depth == 2 && key in SCALARS && index(text, "\\")) odd("an unusual " key)
        after_value()
    }
}

# Go takes keys in any case, and the last of two.
function record_key(    low) {
    low = tolower(text)
    if (text ~ /[^0-9A-Za-z_.-]/ || low in keys || (low in SCALARS || low in LISTS) && low != text)
        odd("an unusual key")
    keys[low] = 1
    key = text
}

function open(c) {
    if (!value_allowed() || depth == 0 && c != "[" || depth == 1 && c != "{")
        odd("no list of records")
    if (depth == 2 && (key in SCALARS || key in LISTS && c == "{") || depth == 3 && key in LISTS)
        odd("the wrong kind of " key)
    opened[++depth] = c
    want = c == "{" ? "first key" : "first value"
    if (depth == 2) {
        raw = ""
        split("", field)
        split("", list)
        split("", keys)
    }
}

function close_(c) {
    if (opened[depth] != (c == "}" ? "{" : "[") || want != "," && want !~ /^first/)
        odd("brackets that do not fit")
    else {
        depth--
        after_value()
    }
}

function word(w) {
    if (!value_allowed() || w !~ NUMBER && w !~ /^(true|false|null)$/) odd("a word that is not JSON")
    else if (depth == 0 && w != "null" || depth == 1) odd("no list of records")
    else if (depth == 2 && (key in SCALARS || key in LISTS)) odd("the wrong kind of " key)
    else after_value()
}

# What is between two strings.
function structure(s,    n, i, j, c, from) {
    n = length(s)
    from = 1
    for (i = 1; i <= n && !bad; i++) {
        c = substr(s, i, 1)
        if (index(" \t\r\n", c)) continue
        if (c == "{" || c == "[") {
            open(c)
            if (depth == 2) from = i
        } else if (c == "}" || c == "]") {
            close_(c)
            if (depth == 1 && c == "}" && !bad) {
                raw = raw substr(s, from, i - from + 1)
                record()
            }
        } else if (c == ",") {
            if (want != ",") odd("a comma where none is expected")
            else want = opened[depth] == "{" ? "key" : "value"
        } else if (c == ":") {
            if (want != ":") odd("a colon where none is expected")
            else want = "value"
        } else {
            j = i + 1
            while (j <= n && !index("{}[]:, \t\r\n", substr(s, j, 1))) j++
            word(substr(s, i, j - i))
            i = j - 1
        }
    }
    if (depth > 1) raw = raw substr(s, from)
}

function record(    id) {
    id = field["id"]
    if (id == "") odd("a record without an ID")
    else if (role == "store") there[id] = 1
    else if ((role, id) in known) odd("an ID that comes twice")
    else {
        known[role, id] = 1
        if (task == "ids") print id
        else if (task == "names") image_names()
        else if (task == "named") named(id)
        else if (task == "with" || task == "without" && !(id in gone)) {
            printf "%s%s", separator, task == "with" && id in added ? with_names(added[id]) : raw
            separator = ","
        } else if (task == "plan") {
            ids[role, ++count[role]] = id
            needs[role, id] = role == "layer" ? field["parent"] : field["layer"]
            names[role, id] = list["names"]
            file_of[role, id] = file
        }
    }
}

# Without names one line with an empty one.
function named(id,    n, i, name) {
    n = split(substr(list["names"], 2), name, "\n")
    for (i = 1; i <= n || i == 1; i++) print role, id, name[i]
}

# Returns the record with more names (strings with commas between them).
function with_names(more) {
    if (!("names" in keys)) return "{\"names\":[" more "]," substr(raw, 2)
    if (!match(raw, /"names"[ \t\r\n]*:[ \t\r\n]*\[[ \t\r\n]*/)) odd("the wrong kind of names")
    return substr(raw, 1, RSTART + RLENGTH - 1) more (list["names"] == "" ? "" : ",") \
        substr(raw, RSTART + RLENGTH)
}

function image_names(    n, m, i, j, name, data) {
    n = split(substr(list["names"], 2), name, "\n")
    m = split(substr(list["big-data-names"], 2), data, "\n")
    for (i = 1; i <= n; i++) {
        print name[i]
        sub(/@.*/, "", name[i])
        sub(/:[^\/]*$/, "", name[i])
        for (j = 1; j <= m; j++)
            if (data[j] ~ /^manifest-/) print name[i] "@" substr(data[j], 10)
    }
}

# Returns the layer that is nowhere and that the layer id needs, which may be id itself, or "".
# In a circle of layers none is missing.
function missing(id,    at, found, next_) {
    for (at = id; ("layer", at) in needs && !(at in there) && !(at in result); at = next_) {
        result[at] = ""
        next_ = needs["layer", at]
    }
    found = at in result ? result[at] : at == "" || at in there ? "" : at
    for (at = id; found != "" && at in result && result[at] == ""; at = needs["layer", at])
        result[at] = found
    return found
}

# In the mount table a layer is named by its directory or by its link.
function mounted(id,    link, path) {
    if (!usual(id) || mounts == "") return 0
    if (index(mounts, id) || index(kept, id)) return 1
    path = graph "/overlay/" id "/link"
    link = ""
    if ((getline link <path) > 0) close(path)
    sub(/\n+$/, "", link)
    return link != "" && index(mounts, link)
}

function usual(id) {
    return length(id) == 64 && id !~ /[^0-9a-f]/
}

# What is in use keeps what it is made of.
function keep(id) {
    for (; ("layer", id) in needs && !(id in busy); id = needs["layer", id]) busy[id] = 1
}

function mark(kind, id) {
    if (kind == "layer" && id in busy) return id in part ? "" : "busy"
    if (kind == "container" && spare && !mounted(id) && !mounted(needs[kind, id])) return "spared"
    if (kind != "layer" && (needs[kind, id] in busy || mounted(id))) return "busy"
    if (!usual(id)) return "alien"
    return kind == "layer" && id in part ? "part" : "gone"
}

# All names, or one: rather with a tag than with a digest.
function name_of(kind, id, all,    n, i, name, found) {
    n = split(names[kind, id], name, "\n")
    for (i = 2; i <= n; i++) {
        if (all) found = found (found == "" ? "" : " ") name[i]
        else if (found == "" || found ~ /@/ && name[i] !~ /@/) found = name[i]
    }
    gsub(/[^A-Za-z0-9._\/:@+ -]/, "?", found)
    return found == "" ? "-" : found
}

function printable(id) {
    gsub(/[^A-Za-z0-9._-]/, "?", id)
    return id
}

function tell(kind, id, layer,    what) {
    if (layer != "") {
        what = mark(kind, id)
        if (what == "") return
        print what, kind, printable(id), name_of(kind, id, 0), printable(layer), file_of[kind, id],
            printable(needs[kind, id])
    } else if (kind == "image" && needs[kind, id] != "" && !(("layer", needs[kind, id]) in needs))
        print "name", kind, printable(id), name_of(kind, id, 1)
}

function plan(    i, k, kind, kinds, id, at) {
    for (i = 1; i <= count["layer"]; i++) if (mounted(ids["layer", i])) keep(ids["layer", i])
    kinds = split("container image layer", kind, " ")
    for (k = 1; k < kinds; k++)
        for (i = 1; i <= count[kind[k]]; i++) {
            id = ids[kind[k], i]
            if (missing(needs[kind[k], id]) == "") continue
            if (kind[k] == "container" && spare || mounted(id)) keep(needs[kind[k], id])
            for (at = needs[kind[k], id]; ("layer", at) in needs && !(at in part);
                at = needs["layer", at]) part[at] = 1
        }
    for (k = 1; k <= kinds; k++)
        for (i = 1; i <= count[kind[k]]; i++) {
            id = ids[kind[k], i]
            tell(kind[k], id, missing(kind[k] == "layer" ? id : needs[kind[k], id]))
        }
}

BEGIN {
    RS = "\""
    OFS = TAB = "\t"
    H = "[0-9A-Fa-f]"
    ESCAPE = "\\\\([\"\\\\/bfnrt]|u" H H H H ")"
    NUMBER = "^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?$"
    SCALARS["id"] = SCALARS["parent"] = SCALARS["layer"] = 1
    LISTS["names"] = LISTS["big-data-names"] = 1
}

FNR == 1 {
    finish()
    if (role !~ /^(mounts|gone)$/) begin()
    else inside = 0
    if (role == "own" && task ~ /^with/) printf "["
}
role == "mounts" {
    mounts = mounts "\"" $0
    next
}
role == "gone" {
    if (inside) {
        gone[$0] = 1
        strings++
        if (strings % 2) image = $0
        else added[image] = added[image] (added[image] == "" ? "" : ",") "\"" $0 "\""
    }
    inside = !inside
    next
}
bad { next }
inside {
    text = text $0
    if (escaped()) {
        text = text "\""
        next
    }
    if (depth > 1) raw = raw "\"" text "\""
    string()
    text = ""
    inside = 0
    next
}
{
    structure($0)
    inside = 1
}

END {
    finish()
    if (files != "" && begun + 0 != files) odd("a file cannot be read")
    if (failed) exit 1
    if (task ~ /^with/) printf "]"
    else {
        if (task == "plan") plan()
        print "end"
    }
}
