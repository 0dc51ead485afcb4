# shellcheck shell=sh
# CRI-O's pinned_images for the images of all stores, in one file.
#
# kubelet's garbage collection asks for the removal of unused images when the disk fills up. For an
# image of a read-only store CRI-O says "removed" and removes nothing; kubelet counts its size as
# freed, and stops before it comes to images that could be removed. So all of them are pinned.
# CRI-O's list replaces the one of an earlier file, hence one file for all packages, the last one,
# which starts with what the files before it pin.
#
#   paack_pinned_images [NAME]   Write or remove the file (without the images of the package NAME,
#                                which is about to go). True when it has changed.

paack_pinned_images() (
    LC_ALL=C
    export LC_ALL
    directory=/etc/crio/crio.conf.d
    file=$directory/99-paack-pinned-images.conf
    # Not in the directory: CRI-O reads every file there.
    temporary=/etc/crio/.paack-pinned-images.new
    names=$(
        for list in /usr/share/paack/*/images; do
            case $list in "/usr/share/paack/${1-}/images" | */'*'/*) ;; *) cat "$list" ;; esac
        done | sort -u
    )
    if [ -z "$names" ]; then
        [ -e "$file" ] && rm -f "$file"
        exit
    fi
    set --
    for other in /etc/crio/crio.conf "$directory"/.[!.]* "$directory"/*; do
        [ ! -f "$other" ] || [ "$other" = "$file" ] || set -- "$@" "$other"
    done
    content=$(
        echo "# Made by paack of /usr/share/paack/*/images, and of the last list in the other files."
        echo "[crio.image]"
        echo "pinned_images = ["
        {
            [ $# = 0 ] || paack_pinned_by "$@"
            echo "$names" | sed 's/.*/"&"/'
        } | awk '!seen[$0]++ { print "    " $0 "," }'
        echo "]"
    )
    [ "$content" != "$(cat "$file" 2>/dev/null)" ] || exit 1
    if { mkdir -p "$directory" && echo "$content" >"$temporary"; } 2>/dev/null &&
        mv -f "$temporary" "$file" 2>/dev/null; then
        exit 0
    fi
    rm -f "$temporary" 2>/dev/null
    echo "paack: cannot write $file: kubelet takes images of read-only stores for removable" >&2
    exit 1
)

# Prints the entries of the last pinned_images in files of CRI-O, as they are written (TOML strings).
paack_pinned_by() {
    awk '
    function eat(pattern) {
        if (!match(text, pattern) || RSTART != 1) return 0
        token = substr(text, 1, RLENGTH)
        text = substr(text, RLENGTH + 1)
        return 1
    }

    # A value ends with its line, but for what is in brackets.
    function value(wanted,    depth) {
        if (wanted) split("", entries)
        for (count = wanted ? 0 : count; text != "" && (depth || text !~ /^\n/);) {
            if (eat("^(\"\"\"(\"?\"?([^\"\\\\]|\\\\.))*\"\"\"|" THREE_TICKS ")")) continue
            if (eat("^(\"([^\"\\\\]|\\\\.)*\"|" TICK "[^" TICK "]*" TICK ")")) {
                if (wanted) entries[++count] = token
            } else if (eat("^[[{]")) depth++
            else if (eat("^[]}]")) depth--
            else if (!eat("^#[^\n]*")) eat("^.|^\n")
        }
    }

    function parse(    table, key) {
        table = ""
        while (text != "") {
            if (eat("^[ \t\r\n]+") || eat("^#[^\n]*")) continue
            if (eat("^\\[[^]]*\\]+")) {
                table = token
                gsub(/[][ \t"]/, "", table)
                continue
            }
            if (!eat("^[^=\n]*=")) {
                eat("^[^\n]*\n?")
                continue
            }
            key = (table == "" ? "" : table ".") token
            gsub(/[= \t"]/, "", key)
            value(tolower(key) == "crio.image.pinned_images")
        }
    }

    BEGIN {
        TICK = "\047"
        THREE_TICKS = "TTT(T?T?[^T])*TTT"
        gsub("T", TICK, THREE_TICKS)
    }
    FNR == 1 { parse() }
    { text = text $0 "\n" }
    END {
        parse()
        for (i = 1; i <= count; i++) print entries[i]
    }' "$@"
}
