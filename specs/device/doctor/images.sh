# shellcheck shell=sh
# Are the images of packages found, and not twice? Needs records.sh, settings.sh and doctor.sh.

check_images() {
    lists=
    for package in $packages; do
        list=/usr/share/paack/$package/images
        if [ -s "$list" ]; then
            lists=$lists$newline$list
            continue
        fi
        reinstall "$package"
        say FAIL images "$list, the list of references, is missing" "$cure"
    done
    [ -n "$lists" ] || return 0
    find_hidden
    checked=
    if is_here podman; then
        checked=1
        check_images_of_podman
    fi
    case " $(storage_users) " in
    *' crio '*)
        if is_here crictl; then
            checked=1
            check_images_of_crio
        fi
        ;;
    esac
    [ -n "$checked" ] || check_images_of_stores
}

call_crictl() {
    call crictl --runtime-endpoint "unix://${crio_socket:-/var/run/crio/crio.sock}" --timeout 20s "$@"
}

list_once() {
    # shellcheck disable=SC2046
    crio_socket=$(setting "$(settings $(crio_confs))" crio.api.listen)
    call_crictl images >/dev/null 2>&1
}

# Does the tool $1 know the reference $2?
knows() {
    case $1 in
    podman) call podman image exists "$2" ;;
    cri-o) call_crictl inspecti --quiet "$2" ;;
    *) false ;;
    esac >/dev/null 2>&1
}

# check_names TOOL FOUND CURE: does it know all references? It lists those that are the lines FOUND.
# Says of each package the first three that it does not know.
check_names() {
    # shellcheck disable=SC2086
    unlisted=$(printf '%s\n' "$2" | awk '
        NR == FNR { listed[$0] = 1; next }
        !($0 in listed) {
            count = split(FILENAME, part, "/")
            print part[count - 1] " " $0
        }' - $lists)
    complete=1
    package='' line=''
    for line in $unlisted; do
        [ "${line%% *}" = "$package" ] || say_unknown "$1" "$3"
        [ "$unknown" -le 3 ] || continue
        knows "$1" "${line#* }" && continue
        unknown=$((unknown + 1))
        case $newline$hidden$newline in *"$tab${line#* }$newline"*) is_hidden=1 ;; esac
        [ "$unknown" -le 3 ] && missing="$missing ${line#* }" || missing="$missing and more"
    done
    say_unknown "$1" "$3"
    [ -z "$complete" ] || say ok images "$1 finds all references, by tag and by digest"
}

# What is unknown of the package; then that of `line` begins.
say_unknown() {
    if [ -n "$package" ] && [ "$unknown" != 0 ]; then
        complete=
        use_package "$package" || :
        reinstall "$package"
        [ -n "$2" ] || cure="systemctl restart '$unit', or $cure"
        if [ -z "$is_hidden" ]; then
            say FAIL images "$1 does not find$missing" "${2:-$cure}"
        else
            mending_names
            say FAIL images "$1 does not find$missing: its own storage has the image by other names" "$cure"
        fi
    fi
    package=${line%% *}
    unknown=0
    missing=
    is_hidden=
}

# Which of the lines $3 (an image ID and a name, as the tool $1 lists them) come more often than the
# image is in the stores $2?
check_twice() {
    real_stores "$2"
    lines=$3
    twice=$({
        set --
        # The roles are only to tell the files apart.
        for directory in $(printf '%s\n' "$real_listed" | sort -u); do
            [ ! -s "$directory/overlay-images/images.json" ] ||
                set -- "$@" "role=of$#" "$directory/overlay-images/images.json"
        done
        [ $# = 0 ] || records task=ids "$@" 2>/dev/null | sed 's/^/in-a-store /'
        printf '%s\n' "$lines"
    } | awk '
        $1 == "in-a-store" { stores[$2]++; next }
        { sub(/^sha256:/, "") }
        $1 in stores && ++seen[$0] > stores[$1] { print $2 == "" ? $1 : $2 }' | sort -u | sed -n 1,3p)
    [ -z "$twice" ] || say WARN images "$1 lists twice: $twice" "list each store once"
}

check_images_of_podman() {
    format='{% raw %}{{.ID}} {{.Repository}}:{{.Tag}} {{.ReadOnly}} {{.Names}} {{.RepoDigests}}{% endraw %}'
    listed=$(call podman images --no-trunc --format "$format" 2>/dev/null) ||
        say_breakers podman "$(call podman images 2>&1 >/dev/null)"
    # Hidden names are listed all the same.
    # shellcheck disable=SC2020
    listed_names=$(without_hidden "$(printf '%s\n' "$listed" | tr '[] ' '\n\n\n')")
    check_names podman "$listed_names" "podman image inspect says why"
    check_twice podman "$podman_stores" "$(printf '%s\n' "$listed" | grep ' true \[')"
}

check_images_of_crio() {
    # All at once, as each call takes its time; it stops at the first one that is not there.
    # shellcheck disable=SC2086
    names=$(cat $lists)
    known=
    # shellcheck disable=SC2086
    ! call_crictl inspecti --quiet $names >/dev/null 2>&1 || known=$names
    # shellcheck disable=SC2086
    if ! listed=$(call_crictl images --quiet --no-trunc 2>/dev/null); then
        if ! call_crictl version >/dev/null 2>&1; then
            say WARN images "cri-o runs, but does not answer crictl" "systemctl status crio"
            return
        fi
        say_breakers cri-o "$(call_crictl images 2>&1 >/dev/null)"
    elif [ -z "$known" ] && call_crictl inspecti --quiet $names >/dev/null 2>&1; then
        known=$names
        say WARN images "cri-o found some only now that it listed all: two packages have the same image \
under different repositories"
    fi
    check_names cri-o "$known" "crictl inspecti says why; or systemctl restart crio"
    # It also lists what was pulled, and does not tell that apart.
    check_twice cri-o "$crio_stores$newline$(printf '%s\n' "$roots" | cut -f 1)" "$listed"
}

check_images_of_stores() {
    check_names "the store" "$(
        for place in $packages; do
            records task=names role=own "/run/paack/$place/overlay-images/images.json" 2>/dev/null
        done
    )" ''
}
