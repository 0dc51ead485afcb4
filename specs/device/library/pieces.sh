# shellcheck shell=sh
# The pieces of a store over packs. A table has a line for each, in their order:
#   FILE START COUNT [SHA256]
# START and COUNT are sectors of 512 bytes. The pieces are the head of the index, packs, and the rest of
# the index. SHA256 is that of the whole index; of a pack it is what the trailer of its file says, so
# that it can be compared without reading all.

# Sets owner to the package that the pack FILE is from.
find_owner() {
    owner=container-pack-$(printf %.24s "${1##*/}")
}

# find_index_problem FILE SHA256: sets problem to what is wrong with it, or to nothing.
find_index_problem() {
    problem=missing
    [ -f "$1" ] || return 0
    problem=$(sha256sum "$1" 2>/dev/null) || :
    [ "${problem%% *}" = "$2" ] && problem='' || problem=damaged
}

# find_pack_problem FILE COUNT SHA256: the same.
find_pack_problem() {
    problem=missing
    [ -f "$1" ] || return 0
    problem=damaged
    case $2 in '' | 0* | *[!0-9]*) return 0 ;; esac
    # The last 40 bytes, and no more: the digest, and "paackPck".
    trailer=$(od -A n -t x1 -j $(($2 * 512 - 40)) -N 41 "$1" 2>/dev/null | tr -d ' \n')
    [ "$trailer" != "${3}706161636b50636b" ] || problem=''
}
