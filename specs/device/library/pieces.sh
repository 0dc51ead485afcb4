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
    case $2 in '' | *[!0-9]*) return 0 ;; esac
    [ "$(stat -L -c %s "$1")" = $(($2 * 512)) ] || return 0
    # 8 bytes follow the digest.
    [ "$(tail -c 40 "$1" | od -A n -t x1 -N 32 | tr -d ' \n')" != "$3" ] || problem=''
}
