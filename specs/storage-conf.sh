# shellcheck shell=sh
# The list of additional image stores in storage.conf, for podman before 6 and for CRI-O.
#
#   paack_storage_add PATH      PATH is listed in [storage.options] additionalimagestores, once.
#                               0: listed, or a message says why not; 2: PATH is not usable.
#   paack_storage_remove PATH   PATH is not listed. 0: so it is; 1: it is still listed, a message
#                               says why and what to do; 2: PATH is not usable.
#
# These tools read one file: /etc/containers/storage.conf, or else /usr/share/containers's.
# Both functions change nothing but the entry, may be repeated, and replace the file atomically.
#
# Where a new entry goes: to the end of the list, in the list's own style (trailing comma, one
# entry a line). A missing list is added as the first key of [storage.options], a missing table at
# the end of the file; such lines end in "# added by paack" and go again with the last entry.
# Names are compared as the tools do: /a//b/ is /a/b, and keys in any case are the same.
#
# Without /etc/containers/storage.conf it is made: a copy of the one in /usr/share, or else the
# tools' own defaults (with a file but no runroot and graphroot in it, they do not start). Its two
# lines of header hold the checksum of what follows as it was without our entries; when it is so
# again, the file is removed. While it is there, a file that comes to /usr/share is not read: add
# must run after the package that has that file was installed.
#
# Refused, with the file left alone:
# - what is not TOML. Checked are UTF-8, control characters and the grammar, but not whether a date
#   like 2026-13-32 exists or a key comes twice, outside of the tables that are edited here;
# - [storage] or [storage.options] that comes twice, is an array of tables, or is an inline table
#   that lacks the list; a list that is none, or has other things than strings in it;
# - a storage driver other than overlay, set in it or found in /var/lib/containers/storage: with a
#   read-only store in the list its tools would not start;
# - a link that leads nowhere, and all files below /usr: those are other packages'.
# An entry there, or in a file that cannot be read or written, makes paack_storage_remove fail: a
# listed store that is gone stops podman and CRI-O.
#
# PAACK_ROOT: for tests, a directory to use instead of /.

paack_storage_add() (
    paack_storage_open "${1-}" || exit 2
    if ! paack_storage_try_add; then
        paack_storage_say "$path is not listed in $file: $problem"
        paack_storage_say "until additionalimagestores in [storage.options] there has it," \
            "podman before version 6 does not see its images"
    fi
    exit 0
)

paack_storage_remove() (
    paack_storage_open "${1-}" || exit 2
    if ! paack_storage_try_remove; then
        paack_storage_say "$path is still listed in $file: $problem"
        paack_storage_say "remove it there from additionalimagestores in [storage.options]," \
            "then try again: podman and CRI-O do not start with a listed store that is gone"
        exit 1
    fi
    exit 0
)

paack_storage_say() {
    printf 'paack: %s\n' "$*" >&2
}

# Sets path, root, conf and vendor (the two names), file (what the tools read, links resolved; conf
# when there is none), kind (etc, usr or none) and problem (why file cannot be edited, or nothing).
paack_storage_open() {
    LC_ALL=C
    export LC_ALL
    umask 022
    path=$1
    case $path in
    [!/]* | *[!A-Za-z0-9._+/-]* | / | '')
        paack_storage_say "not a path of a store: '$path'"
        return 1
        ;;
    esac
    root=$(cd -P "${PAACK_ROOT:-/}" && pwd -P) || return 1
    root=${root%/}
    conf=$root/etc/containers/storage.conf
    vendor=$root/usr/share/containers/storage.conf
    file=$conf
    kind=none
    problem=
    if ! paack_storage_follow; then
        file=$conf
        problem='it is a link that leads nowhere'
    elif [ -e "$file" ]; then
        kind=etc
    elif [ -e "$vendor" ]; then
        file=$vendor
    fi
    case $file in "$root"/usr/*) kind=usr ;; esac
    temporary=${conf%/*}/.storage.conf.paack
    [ "$kind" != etc ] || temporary=${file%/*}/.storage.conf.paack
    paack_storage_clear
    [ "$kind" = none ] || paack_storage_readable
}

# Resolves the links of $file and counts them in links; fails when nothing is there.
paack_storage_follow() {
    links=0
    while [ -h "$file" ]; do
        links=$((links + 1))
        link=$(readlink "$file") && [ "$links" -le 40 ] || return 1
        case $link in
        /*) file=$root$link ;;
        *) file=${file%/*}/$link ;;
        esac
        directory=$(cd -P "${file%/*}" 2>/dev/null && pwd -P) || return 1
        file=$directory/${file##*/}
    done
    [ "$links" = 0 ] || [ -e "$file" ]
}

paack_storage_readable() {
    if ! [ -f "$file" ] || ! [ -r "$file" ]; then
        problem='it cannot be read'
    elif [ "$(tr -d '\011\012\015\040-\176\200-\377' <"$file" | wc -c)" -ne 0 ]; then
        problem='it is not TOML: there are control characters in it'
    fi
}

paack_storage_try_add() {
    [ -z "$problem" ] || return 1
    case $kind in
    none)
        before=$(paack_storage_defaults && echo x)
        paack_storage_make "the tools' own defaults, as there was none"
        ;;
    usr)
        paack_storage_edit add || return 1
        [ "$after" != "$before" ] || return 0
        if [ "$links" != 0 ]; then
            problem="$conf is a link to a file of another package"
            return 1
        fi
        paack_storage_make "a copy of ${vendor#"$root"}, which is not read while this one is here"
        ;;
    etc)
        paack_storage_edit add || return 1
        [ "$after" = "$before" ] || paack_storage_replace
        ;;
    esac
}

paack_storage_try_remove() {
    [ "$kind" != none ] || return 0
    [ -n "$problem" ] || paack_storage_edit remove || :
    if [ -n "$problem" ]; then
        # What is not even mentioned is not listed.
        [ -f "$file" ] || return 1
        grep -F -q -e "$path" "$file" 2>/dev/null && return 1
        [ $? = 1 ]
        return
    fi
    if [ "$kind" = etc ] && [ "$file" = "$conf" ] && paack_storage_is_base; then
        paack_storage_unmake && return 0
    fi
    [ "$after" != "$before" ] || return 0
    if [ "$kind" = usr ]; then
        problem="that is a file of another package"
        return 1
    fi
    paack_storage_replace
}

paack_storage_defaults() {
    cat <<'END'
[storage]
driver = "overlay"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"

[storage.options]
additionalimagestores = [
]
END
}

# Makes $conf of $before; $1 tells where that is from.
paack_storage_make() {
    if [ "$kind" = none ]; then
        for images in "$root"/var/lib/containers/storage/*-images; do
            driver=${images##*/}
            driver=${driver%-images}
            case $driver in overlay | '*') continue ;; esac
            [ ! -e "${images%/*}/overlay-images" ] || continue
            problem="this host's storage is of the driver $driver, its store needs overlay"
            return 1
        done
    fi
    file=$conf
    made="this file"
    if [ ! -d "${conf%/*}" ]; then
        made="this file and its directory"
        if ! mkdir -p "${conf%/*}" 2>/dev/null; then
            problem='it cannot be written'
            return 1
        fi
    fi
    paack_storage_awk add || return 1
    sum=$(printf '%s' "${before%x}" | cksum)
    after="# paack made $made: $1.
# It goes with the last of paack's entries, if nothing else in it was changed (cksum $sum)
$after"
    paack_storage_commit
}

# Is $file one that paack made, and $after what it made it of?
paack_storage_is_base() {
    second=${before#*"
"}
    second=${second%%"
"*}
    case $second in
    "# It goes with the last of paack's entries, "*"(cksum "*")") ;;
    *) return 1 ;;
    esac
    second=${second##*"(cksum "}
    [ "$second" != ")" ] || return 1
    [ "$(printf '%s' "${after%x}" | tail -n +3 | cksum)" = "${second%)}" ]
}

paack_storage_unmake() {
    rm -f "$file" 2>/dev/null || return 1
    case ${before%%"
"*} in
    *"and its directory:"*) rmdir "${file%/*}" 2>/dev/null || : ;;
    esac
}

# Makes $after the content of $file, which keeps its mode, owner and label.
paack_storage_replace() {
    if ! cp -p "$file" "$temporary" 2>/dev/null; then
        paack_storage_clear
        problem='it cannot be written'
        return 1
    fi
    chcon --reference="$file" "$temporary" 2>/dev/null || :
    paack_storage_commit
}

# What a killed run left behind, or this one cannot use.
paack_storage_clear() {
    [ ! -e "$temporary" ] || rm -f "$temporary" 2>/dev/null || :
}

paack_storage_commit() {
    { printf '%s' "${after%x}" >"$temporary"; } 2>/dev/null || :
    if [ -f "$temporary" ] && [ "$(cat "$temporary" && echo x)" = "$after" ]; then
        # After a power loss the file is the old one or the new one, but not empty.
        sync "$temporary" 2>/dev/null || sync 2>/dev/null || :
        mv -f "$temporary" "$file" 2>/dev/null && return 0
    fi
    paack_storage_clear
    problem='it cannot be written'
    return 1
}

# Sets before and after: the content of $file, and what the action $1 (add or remove) makes of it.
# An x is put behind both, as the shell drops newlines at the end.
paack_storage_edit() {
    if ! before=$(cat "$file" 2>/dev/null && echo x); then
        problem='it cannot be read'
        return 1
    fi
    paack_storage_awk "$1"
}

# Sets after, or problem: why $before is not edited.
paack_storage_awk() {
    after=$(printf '%s\n' "$before" | paack_storage_toml "$1") && return 0
    problem=${after:-awk does not work}
    return 1
}

# Prints what the action $1 makes of the TOML text that it reads, or why not, and fails. Both texts
# have an x behind them, so that awk sees whether the last line ends in a newline.
paack_storage_toml() {
    awk -v action="$1" -v path="$path" '
function fail(message) {
    print "line " row ": " message
    exit 1
}

# --- Reading. The cursor is row and rest, what is left of this row.

# UTF-8, and no carriage return but at the end of a row, where it is not in text any more.
function check(text) {
    if (text ~ /\r/) fail("a carriage return in it")
    if (text !~ /[\200-\377]/) return
    gsub(UTF8, "", text)
    if (text ~ /[\200-\377]/) fail("it is not UTF-8")
}

function column() {
    return length(line[row]) - length(rest) + 1
}

function eat(pattern) {
    if (match(rest, pattern) != 1) return 0
    token = substr(rest, 1, RLENGTH)
    rest = substr(rest, RLENGTH + 1)
    return 1
}

# Blanks, comments and line ends: what may stand between the parts of an array.
function skip() {
    for (;;) {
        eat(BLANK)
        if (rest !~ /^(#|$)/) return
        if (row == rows) fail("an array is not closed")
        rest = line[++row]
    }
}

# Only what a path can be made of is decoded: printable ASCII.
function character(digits,    code, i) {
    for (i = 1; i <= length(digits); i++)
        code = code * 16 + index("0123456789abcdef", tolower(substr(digits, i, 1))) - 1
    if (code > 1114111 || code >= 55296 && code <= 57343) fail("a character that there is not")
    return code > 32 && code < 127 ? sprintf("%c", code) : "\\u" digits
}

function unescape(raw,    done, at) {
    done = ""
    while ((at = index(raw, "\\")) > 0) {
        done = done substr(raw, 1, at - 1)
        raw = substr(raw, at)
        if (match(raw, /^\\[btnfr"\\]/)) done = done substr(raw, 1, 2)
        else if (match(raw, "^\\\\u" HEX4) || match(raw, "^\\\\U" HEX4 HEX4)) {
            done = done character(substr(raw, 3, RLENGTH - 2))
        } else if (!match(raw, /^\\[ \t]*\n[ \t\n]*/)) fail("an escape that there is not")
        raw = substr(raw, RLENGTH + 1)
    }
    return done raw
}

# The rest of a string on several lines; three to five marks end it.
function long_string(mark,    all) {
    all = ""
    while (!eat("^" mark mark mark "(" mark "(" mark ")?)?")) {
        if (rest == "") {
            if (row == rows) fail("a string is not closed")
            rest = line[++row]
            all = all "\n"
            continue
        }
        if (mark == "\"" && eat("^\\\\")) {
            all = all token
            if (!eat("^.")) continue
        } else if (!eat("^" mark) && !eat("^[^" mark "\\\\]+")) eat("^\\\\")
        all = all token
    }
    all = all substr(token, 4)
    sub(/^\n/, "", all)
    return all
}

function string() {
    if (eat("^\"\"\"")) text = unescape(long_string("\""))
    else if (eat("^" TICK TICK TICK)) text = long_string(TICK)
    else short_string()
}

function short_string() {
    if (eat("^\"([^\"\\\\]|\\\\.)*\"")) text = unescape(substr(token, 2, length(token) - 2))
    else if (eat("^" TICK "[^" TICK "]*" TICK)) text = substr(token, 2, length(token) - 2)
    else fail("a string is not closed")
}

# Sets name, the parts joined by SUBSEP, in lower case: so the tools look for them. upto[n] is the
# column after the part n.
function key() {
    name = ""
    parts = 0
    do {
        eat(BLANK)
        if (eat("^[A-Za-z0-9_-]+")) text = token
        else if (rest ~ "^[\"" TICK "]") short_string()
        else fail("a key is missing")
        name = parts++ ? name SUBSEP text : text
        upto[parts] = column()
        eat(BLANK)
    } while (eat("^\\."))
    name = tolower(name)
}

function below(full, table) {
    return index(full, table SUBSEP) == 1
}

function define(table, how) {
    if (table in defined && defined[table] != how) fail(label(table) " comes twice")
    defined[table] = how
}

function inline(i) {
    return TABLE[i] in defined && defined[TABLE[i]] == "inline"
}

function label(table) {
    gsub(SUBSEP, ".", table)
    return table
}

function no_list() {
    fail("additionalimagestores is not a list")
}

# A key with its value, in the table at.
function assignment(at, inside,    full, start, i) {
    start = row
    key()
    full = at == "" ? name : at SUBSEP name
    for (i = 1; i <= 2; i++)
        if (below(full, TABLE[i]) && at != TABLE[i] && !below(at, TABLE[i])) {
            if (!(TABLE[i] in defined)) {
                dotted_row[i] = row
                prefix[i] = substr(line[row], 1, upto[i - depth(at)] - 1) "."
                sub(/^[ \t]+/, "", prefix[i])
            }
            define(TABLE[i], inside ? "inline" : "dotted in " table_row)
        }
    if (below(full, LIST)) no_list()
    if (!eat("^=")) fail("= is missing")
    eat(BLANK)
    if (full == LIST) {
        if (has_list) fail("additionalimagestores comes twice")
        has_list = 1
        list_row = start
    }
    for (i = 1; i <= 2; i++)
        if (full == TABLE[i]) {
            if (rest !~ /^[{]/) fail(label(full) " is not a table")
            if (full in defined) fail(label(full) " comes twice")
            define(full, "inline")
            inline_row = start
        }
    if (full == LIST && rest !~ /^\[/) no_list()
    value(full)
    if (full == DRIVER) {
        driver = is == "string" ? text : "?"
        driver_row = start
    }
}

function depth(full,    i) {
    return full == "" ? 0 : gsub(SUBSEP, "", full) + 1
}

function value(full) {
    if (rest ~ "^[\"" TICK "]") {
        string()
        is = "string"
    } else if (eat("^\\[")) {
        array(full == LIST)
        is = "array"
    } else if (eat("^[{]")) {
        inline_table(full)
        is = "table"
    } else {
        if (!eat("^" DATE " " TIME) && !eat("^[0-9A-Za-z+:._-]+")) fail("a value is missing")
        if (token !~ "^(" NUMBER "|" DATE "([Tt ]" TIME ")?|" TIME "|true|false)$")
            fail("a value that there is not")
        is = "value"
    }
}

function inline_table(full) {
    eat(BLANK)
    if (eat("^[}]")) return
    do {
        assignment(full, 1)
        eat(BLANK)
    } while (eat("^,"))
    if (!eat("^[}]")) fail("a brace is missing")
}

# Keeps where the items are when it is the list. No table is looked for in an array.
function array(keep,    n) {
    if (keep) {
        open_row = row
        open = column()
    }
    for (n = 1; ; n++) {
        skip()
        if (eat("^\\]")) break
        if (keep) {
            first_row[n] = row
            first[n] = column()
        }
        value("\n")
        if (keep) {
            last_row[n] = row
            last[n] = column()
            comma[n] = 0
            item[n] = is == "string" ? clean(text) : "\n"
            if (is != "string") odd_item = is
        }
        skip()
        if (eat("^,")) {
            if (keep) {
                comma_row[n] = row
                comma[n] = column() - 1
            }
        } else if (rest !~ /^\]/) fail("a comma is missing")
    }
    if (keep) {
        items = n - 1
        close_row = row
    }
}

# As the tools do it: filepath.Clean of Go.
function clean(full,    piece, n, i, done) {
    if (full !~ "^/") return full
    n = split(full, piece, "/")
    done = ""
    for (i = 1; i <= n; i++)
        if (piece[i] == "..") sub("/[^/]*$", "", done)
        else if (piece[i] != "" && piece[i] != ".") done = done "/" piece[i]
    return done
}

function header(    many, i) {
    many = eat("^\\[\\[")
    if (!many) eat("^\\[")
    key()
    if (!eat(many ? "^\\]\\]" : "^\\]")) fail("] is missing")
    table = name
    table_row = row
    keys[row] = 0
    for (i = 1; i <= 2; i++) {
        if (name == TABLE[i] && many) fail(label(name) " is an array of tables")
        if (name == TABLE[i]) {
            define(name, row)
            header_row[i] = row
        }
        if (below(name, TABLE[i]) && inline(i)) define(TABLE[i], row)
    }
    if (name == LIST || below(name, LIST)) no_list()
}

function parse() {
    split("", defined)
    split("", header_row)
    split("", dotted_row)
    table = driver = odd_item = ""
    table_row = items = has_list = 0
    for (row = 1; row <= rows; row++) {
        rest = line[row]
        eat(BLANK)
        if (rest ~ /^(#|$)/) continue
        if (rest ~ /^\[/) header()
        else {
            keys[table_row]++
            assignment(table, 0)
        }
        eat(BLANK)
        if (rest !~ /^(#|$)/) fail("something follows that does not belong there")
    }
}

# --- Editing

function insert_row(at, new,    i, end) {
    end = return_of[at > 1 && at <= rows ? at - 1 : 1]
    if (at > rows && rows) return_of[rows] = end
    for (i = rows++; i >= at; i--) {
        line[i + 1] = line[i]
        return_of[i + 1] = return_of[i]
    }
    line[at] = new
    return_of[at] = end
    return_of[rows] = ""
}

function drop_row(at) {
    for (rows--; at <= rows; at++) {
        line[at] = line[at + 1]
        return_of[at] = return_of[at + 1]
    }
    return_of[rows] = ""
}

function insert(at_row, at, new) {
    line[at_row] = substr(line[at_row], 1, at - 1) new substr(line[at_row], at)
}

# From a position to before another one.
function cut(from_row, from, to_row, to) {
    line[from_row] = substr(line[from_row], 1, from - 1) substr(line[to_row], to)
    return_of[from_row] = return_of[to_row]
    for (; to_row > from_row; to_row--) drop_row(from_row + 1)
}

function cut_comma(i) {
    cut(comma_row[i], comma[i], comma_row[i], comma[i] + 1)
}

function blanks_before(text) {
    return match(text, /[ \t]+$/) ? RLENGTH : 0
}

function blanks_after(text) {
    return match(text, /^[ \t]+/) ? RLENGTH : 0
}

function add_item(entry,    n, indent) {
    n = items
    if (close_row == (n == 0 ? open_row : comma[n] ? comma_row[n] : last_row[n])) {
        if (n == 0) {
            if (blanks_after(substr(line[open_row], open))) entry = " " entry
            insert(open_row, open, entry)
        }
        else if (comma[n]) insert(comma_row[n], comma[n] + 1, " " entry ",")
        else insert(last_row[n], last[n], ", " entry)
        return
    }
    # Nothing but blanks is before the closing bracket in its row.
    match(line[close_row], /^[ \t]*/)
    indent = substr(line[close_row], 1, RLENGTH) "  "
    if (n && substr(line[first_row[n]], 1, first[n] - 1) ~ /^[ \t]*$/)
        indent = substr(line[first_row[n]], 1, first[n] - 1)
    insert_row(close_row, indent entry (n && !comma[n] ? "" : ","))
    if (n && !comma[n]) insert(last_row[n], last[n], ",")
}

# The item n with one comma: its own, or else the one before it.
function drop_item(n,    at, start, end, end_row, before, after, near) {
    at = first_row[n]
    start = first[n]
    end_row = last_row[n]
    near = comma[n] && comma_row[n] == end_row
    end = near ? comma[n] + 1 : last[n]
    before = substr(line[at], 1, start - 1)
    after = substr(line[end_row], end)
    if (comma[n] && !near) cut_comma(n)
    if (before ~ /^[ \t]*$/ && after ~ /^[ \t]*$/) {
        for (; end_row >= at; end_row--) drop_row(at)
        if (!comma[n] && n > 1) cut_comma(n - 1)
    } else if (comma[n] && (n == 1 || comma_row[n - 1] != at)) {
        cut(at, start, end_row, end + blanks_after(after))
    } else if (!comma[n] && n > 1) {
        if (comma_row[n - 1] == at) cut(at, comma[n - 1], end_row, end)
        else {
            cut(at, start, end_row, end)
            cut_comma(n - 1)
        }
    } else cut(at, start - blanks_before(before), end_row, end)
}

# Drops the items that are the path, but for the first `kept` of them.
function drop_items(kept,    n, seen) {
    do {
        seen = 0
        for (n = 1; n <= items; n++)
            if (item[n] == path && ++seen > kept) {
                drop_item(n)
                parse()
                break
            }
    } while (seen > kept)
}

function listed(    n, seen) {
    for (n = 1; n <= items; n++) seen += item[n] == path
    return seen + 0
}

function add(    new) {
    if (listed()) {
        drop_items(1)
        return
    }
    row = driver_row
    if (driver !~ /^(overlay2?)?$/) fail("the driver is " driver ", a store needs overlay")
    row = list_row
    if (odd_item != "") fail("additionalimagestores has a " odd_item " in it")
    new = "additionalimagestores = [\"" path "\"]" MARK
    if (has_list) add_item("\"" path "\"")
    else if (2 in header_row) insert_row(header_row[2] + 1, new)
    else if (inline(1) || inline(2)) {
        row = inline_row
        fail("an inline table lacks additionalimagestores")
    } else if (2 in dotted_row) insert_row(dotted_row[2], prefix[2] new)
    else {
        row = line[rows] == "" ? rows : rows + 1
        insert_row(row, "[storage.options]" MARK)
        insert_row(row + 1, new)
    }
}

function remove(    new, at) {
    drop_items(0)
    new = "additionalimagestores = []" MARK
    at = list_row
    if (!has_list || items) return
    if (substr(line[at], length(line[at]) - length(new) + 1) != new) return
    drop_row(at)
    parse()
    at = header_row[2]
    if (at && keys[at] == 0 && line[at] == "[storage.options]" MARK) drop_row(at)
}

BEGIN {
    ORS = ""
    BLANK = "^[ \t]+"
    TICK = "\047"
    MARK = " # added by paack"
    TABLE[1] = "storage"
    TABLE[2] = "storage" SUBSEP "options"
    LIST = TABLE[2] SUBSEP "additionalimagestores"
    DRIVER = TABLE[1] SUBSEP "driver"
    HEX4 = "[0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f]"
    UTF8 = "[\302-\337]B|\340[\240-\277]B|[\341-\354\356\357]BB|\355[\200-\237]B"
    UTF8 = UTF8 "|\360[\220-\277]BB|[\361-\363]BBB|\364[\200-\217]BB"
    gsub("B", "[\200-\277]", UTF8)
    DATE = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
    TIME = "[0-9][0-9]:[0-9][0-9]:[0-9][0-9]([.][0-9]+)?([Zz]|[+-][0-9][0-9]:[0-9][0-9])?"
    NUMBER = "[+-]?(0|[1-9](_?[0-9])*)([.][0-9](_?[0-9])*)?([eE][+-]?[0-9](_?[0-9])*)?"
    NUMBER = NUMBER "|[+-]?(inf|nan)|0b[01](_?[01])*|0o[0-7](_?[0-7])*"
    NUMBER = NUMBER "|0x[0-9A-Fa-f](_?[0-9A-Fa-f])*"
    path = clean(path)
}

{ line[NR] = $0 }

END {
    rows = NR
    sub(/x$/, "", line[rows])
    for (row = 1; row <= rows; row++) {
        return_of[row] = row < rows && sub(/\r$/, "", line[row]) ? "\r" : ""
        check(line[row])
    }
    parse()
    if (action == "add") add()
    else remove()
    parse()
    if (listed() != (action == "add")) fail("paack would break it, please report that")
    for (row = 1; row < rows; row++) print line[row] return_of[row] "\n"
    print line[rows] "x"
}
'
}
