# Editing the list of additional image stores in storage.conf; after toml.awk. The actions add and
# remove print the file as it is to be, for one `path`.

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

# A row may end in a carriage return; the last one has an x behind it.
function read(    n) {
    for (n = 1; n <= rows; n++) {
        row = n
        return_of[n] = (n < rows || action == "settings") && sub(/\r$/, "", line[n]) ? "\r" : ""
        check(line[n])
    }
    parse()
}

action == "settings" && FNR == 1 {
    if (NR > 1) read()
    rows = 0
}

{ line[++rows] = $0 }

END {
    if (action != "settings") sub(/x$/, "", line[rows])
    read()
    if (action == "settings") exit
    if (action == "add") add()
    else remove()
    parse()
    if (listed() != (action == "add")) fail("paack would break it, please report that")
    for (row = 1; row < rows; row++) print line[row] return_of[row] "\n"
    print line[rows] "x"
}
