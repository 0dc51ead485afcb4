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
    except=${1-}
    directory=/etc/crio/crio.conf.d
    file=$directory/99-paack-pinned-images.conf
    # Not in the directory: CRI-O reads every file there.
    temporary=/etc/crio/.paack-pinned-images.new
    set --
    for list in /usr/share/paack/*/images; do
        case $list in "/usr/share/paack/$except/images" | */'*'/*) ;; *) set -- "$@" "$list" ;; esac
    done
    names=$([ $# = 0 ] || sort -u "$@")
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

# Prints the entries of the last pinned_images in files of CRI-O (TOML strings).
paack_pinned_by() {
    settings "$@" | awk -F '\t' '
        $1 != "crio.image.pinned_images" { next }
        $2 == "[" { count = 0 }
        $2 == "\"" { entry[++count] = $3 }
        END { for (i = 1; i <= count; i++) print "\"" entry[i] "\"" }'
}
