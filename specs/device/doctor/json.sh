# shellcheck shell=sh
# JSON. Needs nothing.

# Prints the values in JSON files, one a line: the file, the keys (in lists: numbers from 1) and the
# value, with tabs between them; of an empty list or object an empty value. Of a file that is not JSON
# the last line is its name and `!`.
json_values() {
    awk '
    function eat(pattern) {
        if (!match(text, pattern) || RSTART != 1) return 0
        token = substr(text, 1, RLENGTH)
        text = substr(text, RLENGTH + 1)
        return 1
    }

    # No name of an image and no scope of a policy has other escapes.
    function plain(raw) {
        raw = substr(raw, 2, length(raw) - 2)
        gsub(/\\\//, "/", raw)
        gsub(/[\001-\037]/, "?", raw)
        return raw
    }

    function value(path) {
        eat(SPACE)
        if (eat(STRING)) print path plain(token)
        else if (eat("^[{]")) members(path)
        else if (eat("^\\[")) items(path)
        else if (eat("^[-+.0-9A-Za-z]+")) print path token
        else bad = 1
    }

    function members(path,    key) {
        eat(SPACE)
        if (eat("^[}]")) {
            print path
            return
        }
        do {
            eat(SPACE)
            if (!eat(STRING)) bad = 1
            key = plain(token)
            eat(SPACE)
            if (!eat("^:")) bad = 1
            if (bad) return
            value(path key "\t")
            eat(SPACE)
        } while (!bad && eat("^,"))
        if (!eat("^[}]")) bad = 1
    }

    function items(path,    number) {
        eat(SPACE)
        if (eat("^\\]")) {
            print path
            return
        }
        do {
            value(path (++number) "\t")
            eat(SPACE)
        } while (!bad && eat("^,"))
        if (!eat("^\\]")) bad = 1
    }

    function finish() {
        if (file == "") return
        bad = 0
        value(file "\t")
        eat(SPACE)
        if (bad || text != "") print file "\t!"
        text = ""
    }

    BEGIN {
        SPACE = "^[ \t\r\n]+"
        STRING = "^\"([^\"\\\\]|\\\\.)*\""
    }
    FNR == 1 {
        finish()
        file = FILENAME
    }
    { text = text $0 "\n" }
    END { finish() }' "$@" </dev/null
}
