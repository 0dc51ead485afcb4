# TOML, read strictly: what is not TOML is an error, not skipped. Needs `action`, `line` and `rows`.
# Reading notes where the list of additional image stores is, for storage-conf.awk; for the action
# "settings" it prints each value: key, kind and value, with tabs between them. Kinds: " (the text of
# a string, with the escapes of a basic string), = (a number or a word), [ and ] (around a list).

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

function emit(kind, shown) {
    if (action != "settings") return
    gsub(/\t/, "\\t", shown)
    gsub(/\n/, "\\n", shown)
    print label(current) "\t" kind "\t" shown "\n"
}

# As in a basic string.
function escape(raw) {
    gsub(/["\\]/, "\\\\&", raw)
    return raw
}

# Only what a path can be made of is decoded: printable ASCII.
function character(digits,    code, i) {
    for (i = 1; i <= length(digits); i++)
        code = code * 16 + index("0123456789abcdef", tolower(substr(digits, i, 1))) - 1
    if (code > 1114111 || code >= 55296 && code <= 57343) fail("a character that there is not")
    if (code > 32 && code < 127) return escape(sprintf("%c", code))
    return (length(digits) == 4 ? "\\u" : "\\U") digits
}

function unescape(raw,    done, at) {
    done = ""
    while ((at = index(raw, "\\")) > 0) {
        done = done escape(substr(raw, 1, at - 1))
        raw = substr(raw, at)
        if (match(raw, /^\\[btnfr"\\]/)) done = done substr(raw, 1, 2)
        else if (match(raw, "^\\\\u" HEX4) || match(raw, "^\\\\U" HEX4 HEX4)) {
            done = done character(substr(raw, 3, RLENGTH - 2))
        } else if (!match(raw, /^\\[ \t]*\n[ \t\n]*/)) fail("an escape that there is not")
        raw = substr(raw, RLENGTH + 1)
    }
    return done escape(raw)
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
    else if (eat("^" TICK TICK TICK)) text = escape(long_string(TICK))
    else short_string()
}

function short_string() {
    if (eat("^\"([^\"\\\\]|\\\\.)*\"")) text = unescape(substr(token, 2, length(token) - 2))
    else if (eat("^" TICK "[^" TICK "]*" TICK)) text = escape(substr(token, 2, length(token) - 2))
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
function assignment(at, inside,    full, start, i, outer) {
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
    outer = current
    current = inside ? current SUBSEP name : full
    value(full)
    current = outer
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
        emit("\"", text)
        is = "string"
    } else if (eat("^\\[")) {
        emit("[", "")
        array(full == LIST)
        emit("]", "")
        is = "array"
    } else if (eat("^[{]")) {
        inline_table(full)
        is = "table"
    } else {
        if (!eat("^" DATE " " TIME) && !eat("^[0-9A-Za-z+:._-]+")) fail("a value is missing")
        if (token !~ "^(" NUMBER "|" DATE "([Tt ]" TIME ")?|" TIME "|true|false)$")
            fail("a value that there is not")
        emit("=", token)
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
    table = driver = odd_item = current = ""
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
