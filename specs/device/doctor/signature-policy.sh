# shellcheck shell=sh
# Signature policies of CRI-O. Needs json.sh, settings.sh and doctor.sh.

# CRI-O looks at an image's signatures when it makes a container: by the policy of the pod's namespace
# or, without one, by signature_policy. A store has no signatures. When neither is set, policy.json
# does not matter for an image that is there.
check_policies() {
    policy=$(setting "$of_crio" crio.image.signature_policy)
    [ -z "$policy" ] || check_policy "$policy" ''
    policy=$(setting "$of_crio" crio.image.signature_policy_dir)
    set +f
    for policy in "${policy:-/etc/crio/policies}"/*.json; do
        [ ! -f "$policy" ] || check_policy "$policy" "${policy##*/}"
    done
    set -f
}

# check_policy FILE NAMESPACE.json: which images does it refuse? Says the first three.
# A pod of a namespace need not have an image of these packages, so that is no FAIL.
check_policy() {
    status=FAIL
    where="signature_policy $1"
    [ -z "$2" ] || {
        status=WARN
        where="in the namespace ${2%.json} $1"
    }
    if [ ! -r "$1" ]; then
        say "$status" policy "$where cannot be read: cri-o makes no container" "write it"
        return
    fi
    # shellcheck disable=SC2086
    refused=$(json_values "$1" | refused_names $lists)
    case $refused in
    '') say ok policy "$where accepts all images" ;;
    !*) say "$status" policy "$where is no policy: cri-o makes no container" "mend it" ;;
    *)
        refused=$(printf '%s\n' "$refused" | first_three)
        say "$status" policy "$where does not accept $refused: cri-o makes no container of that" \
            "let its transports.docker have insecureAcceptAnything for that"
        ;;
    esac
}

first_three() {
    awk '
    NR <= 3 { printf "%s%s", NR == 1 ? "" : " ", $0 }
    END { if (NR > 3) printf " and more" }'
}

# Prints which names in the files a policy (containers-policy.json(5), by json_values) does not accept
# without a signature, or `!`. The transport is docker, and the scope that counts is the longest.
refused_names() {
    awk -F '\t' '
    function requirement(scope, type) {
        known[scope] = 1
        if (type != "insecureAcceptAnything") refused[scope] = 1
    }

    # Returns the scope that counts for a name.
    function scope_of(name,    scope, host, dot) {
        if (name in known) return name
        scope = name
        if (index(scope, "@")) sub(/@.*/, "", scope)
        else sub(/:[^\/:]*$/, "", scope)
        while (!(scope in known) && match(scope, /\/[^\/]*$/)) scope = substr(scope, 1, RSTART - 1)
        if (scope in known) return scope
        host = scope
        sub(/:.*/, "", host)
        while ((dot = index(host, ".")) > 0) {
            host = substr(host, dot + 1)
            if (("*." host) in known) return "*." host
        }
        return "" in known ? "" : DEFAULT
    }

    BEGIN { DEFAULT = "\t" }
    NR == FNR {
        if ($2 == "!") bad = 1
        else if ($2 == "default" && (NF == 3 || $4 == "type")) requirement(DEFAULT, $5)
        else if ($2 == "transports" && $3 == "docker" && (NF == 5 || $6 == "type")) requirement($4, $7)
        next
    }
    !bad && scope_of($0) in refused
    END { if (bad || !(DEFAULT in known)) print "!" }' - "$@"
}
