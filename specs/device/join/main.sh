# shellcheck shell=sh
# What join does, in its order. Needs join.sh, and pieces.sh of the library.

trap clean_up EXIT
trap 'exit 1' HUP INT TERM
if ! grep -qsF "$index 0 " "$table"; then
    printf '%s\n' "$table of $name is missing or damaged: dnf reinstall $name" >&2
    exit 1
fi
check_pieces
attach_pieces
find_number
printf %s "$lines" | dmsetup --readonly create "paack-$name-$number"
mapped=paack-$name-$number
# Without udev there is no node, or one of before.
dmsetup mknodes "$mapped"
mkdir -p "${link%/*}"
ln -sf "/dev/mapper/$mapped" "$link"
joined=yes
