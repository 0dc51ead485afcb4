# shellcheck shell=sh
# Images that keep podman and CRI-O from listing any image. Needs records.sh, hidden-names.sh and
# doctor.sh.

# say_breakers TOOL REASON: which images make it list none at all? REASON is what it says; a name is not
# in it. podman and CRI-O decode the config of each image, as Go's types want it.
say_breakers() {
    for store in $(real_paths "$({
        printf '%s\n' "$roots" | cut -f 1
        [ "$1" = cri-o ] && printf '%s\n' "$crio_stores" || printf '%s\n' "$podman_stores"
    })"); do
        file=$store/overlay-images/images.json
        [ -s "$file" ] || continue
        for line in $(records task=named role=image "$file" 2>/dev/null |
            awk -F '\t' '$1 == "image" && !seen[$2]++ { print $2 "\t" $3 }'); do
            try_image "$1" "${line%%"$tab"*}" && continue
            # Something else would be wrong with all. Newer podmans say more when they use an image.
            case $2 in *"$problem"*) ;; *)
                case $problem in *"$(cause "$2")") ;; *) continue ;; esac ;;
            esac
            name=${line#*"$tab"}
            say_breaker "$1" "${name:-${line%%"$tab"*}}" "$store"
        done
    done
}

# say_breaker TOOL NAME STORE
say_breaker() {
    cure="take the store off its list"
    for package in $packages; do
        [ "$3" != "/run/paack/$package" ] || cure="dnf remove $package, or update it"
    done
    printf '%s\n' "$roots" | cut -f 1 | grep -qxF "$3" && cure="remove that image"
    say FAIL images "$1 lists no image at all because of $2 in $3: $problem" "$cure"
}

# try_image TOOL ID: can it use the image? If not, problem is what it says.
try_image() {
    case $1 in
    podman) try_podman "$2" ;;
    *) problem=$(call_crictl inspecti --quiet "$2" 2>&1 >/dev/null) ;;
    esac && return
    problem=$(cause "$problem")
    [ -z "$problem" ]
}

# cause TEXT: what a tool says at last, behind its warnings, without what it says before each error.
cause() {
    said=$(printf '%s\n' "$1" | sed -n '$p')
    said=${said##*desc = }
    said=${said#Error: }
    printf '%s\n' "${said%\"}"
}

# Can podman make a container of the image $1? Commands that only look read other images, too. The
# container is in a storage of its own, which has all others as additional stores.
try_podman() {
    trial=/run/.paack-trial-$$
    mkdir -m 700 "$trial" || return 0
    set -- "$1" --root "$trial/storage" --runroot "$trial/run" --storage-driver overlay
    for other in $(printf '%s\n' "$roots" | cut -f 1) $podman_stores; do
        [ ! -d "$other" ] || set -- "$@" --storage-opt "overlay.imagestore=$other"
    done
    image=$1
    shift
    problem=$(call podman "$@" create --pull=never --network=none "$image" true 2>&1 >/dev/null)
    result=$?
    umount -l "$trial/storage/overlay" 2>/dev/null
    rm -rf "$trial"
    return "$result"
}
