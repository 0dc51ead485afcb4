# shellcheck shell=sh
# Containers that podman auto-update would update. Needs records.sh, settings.sh and doctor.sh.

# It looks for the images of running containers in read-write storage only, and fails for all when one
# of them is not there, whatever its registry says.
check_updates() {
    label=io.containers.autoupdate
    running=$(call podman ps --quiet --no-trunc --filter "label=$label" 2>/dev/null)
    [ -n "$running" ] || return 0
    own_images=$(for root in $roots; do
        records task=ids role=own "${root%"$tab"*}/overlay-images/images.json" 2>/dev/null
    done)
    format="{% raw %}{{.Image}} {{.Name}} {{index .Config.Labels \"$label\"}}{% endraw %}"
    # shellcheck disable=SC2086
    for line in $(call podman inspect --format "$format" $running 2>/dev/null); do
        case ${line##* } in registry | image | local) ;; *) continue ;; esac
        line=${line% *}
        ! has_line "$own_images" "${line%% *}" || continue
        say WARN updates "podman auto-update fails while ${line#* } runs: its image is in a read-only store" \
            "run it with --label $label=disabled; an update of the package updates its images"
    done
}
