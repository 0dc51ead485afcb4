# shellcheck shell=sh
# TOML, for the files of podman and CRI-O: one strict reader, in awk, and what is asked of it.

# paack_toml settings '' FILE...   each value in the files, see toml.awk; fails when one is not TOML
# paack_toml add|remove PATH       what storage.conf is to be, see storage-conf.awk
paack_toml() {
    toml_action=$1
    toml_path=$2
    shift 2
    LC_ALL=C awk -v action="$toml_action" -v path="$toml_path" '
{% include "device/library/toml.awk" %}

{% include "device/library/storage-conf.awk" %}
' "$@"
}

# Prints each value in TOML files: key, kind and value, with tabs between them. Of a file that is not
# TOML that is what comes before the error, and a line with no key, the kind ! and the error.
settings() {
    [ $# != 0 ] || return 0
    all_settings=$(paack_toml settings '' "$@" </dev/null) && {
        [ -z "$all_settings" ] || printf '%s\n' "$all_settings"
        return
    }
    for settings_file; do
        paack_toml settings '' "$settings_file" </dev/null |
            awk -v file="$settings_file" '!/\t/ { $0 = "\t!\t" file ": " $0 } { print }'
    done
}
