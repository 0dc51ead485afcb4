# shellcheck shell=sh
# What kubelet keeps of pulls, and when it trusts an image that is there. MicroShift has a kubelet in
# it. Needs json.sh, records.sh and doctor.sh.

check_kubelet() {
    set +f
    check_verification /var/lib/kubelet/config.yaml /etc/kubernetes/kubelet-config.yaml \
        /etc/kubernetes/kubelet.conf.d/*.conf
    check_verification /var/lib/microshift/resources/kubelet/config/config.yaml \
        /etc/microshift/config.yaml /etc/microshift/config.d/*.yaml
    for directory in /var/lib/kubelet /var/lib/microshift/kubelet; do
        check_pulls "$directory/image_manager"
    done
    set -f
}

# check_verification FILE...: does kubelet run images that it did not pull? The last file that says it
# counts.
check_verification() {
    files=
    for file; do
        [ ! -r "$file" ] || files=$files$newline$file
    done
    set -f
    # shellcheck disable=SC2086
    [ -z "$files" ] || verified=$(verified_repositories $lists $files)
    set +f
    [ -n "$files" ] && [ -n "$verified" ] || return 0
    say WARN kubelet "in ${verified%%"$newline"*}: it pulls $(
        printf '%s\n' "${verified#*"$newline"}" | first_three
    ) although they are here, and so does not start them offline" \
        "set NeverVerifyPreloadedImages, or list them in preloadedImagesVerificationAllowlist"
}

# Prints the file that sets imagePullCredentialsVerificationPolicy, and what it sets; then the
# repositories of names in lists (the other files) which kubelet would pull by that. Or nothing.
verified_repositories() {
    awk '
    function text(raw) {
        gsub(/^[-[ \t"\047]+|[] \t"\047,]+$/, "", raw)
        return raw
    }

    FILENAME ~ "^/usr/share/paack/" {
        sub(/@.*/, "")
        sub(/:[^\/:]*$/, "")
        if (!seen[$0]++) repository[++count] = $0
        next
    }
    FNR == 1 { listing = 0 }
    /^[ \t]*#/ { next }
    { sub(/[ \t]#.*/, "") }
    match($0, /^[ \t{,"]*imagePullCredentialsVerificationPolicy"?[ \t]*:/) {
        policy = text(substr($0, RLENGTH + 1))
        file = FILENAME
        split("", allowed)
        next
    }
    match($0, /^[ \t{,"]*preloadedImagesVerificationAllowlist"?[ \t]*:/) {
        number = split(substr($0, RLENGTH + 1), items, ",")
        for (i = 1; i <= number; i++) allowed[text(items[i])] = 1
        listing = 1
        next
    }
    listing && /^[ \t]*-[ \t]/ {
        allowed[text($0)] = 1
        next
    }
    { listing = 0 }

    END {
        if (policy != "AlwaysVerify" && policy != "NeverVerifyAllowlistedImages") exit
        for (i = 1; i <= count; i++) {
            fine = 0
            if (policy != "AlwaysVerify")
                for (pattern in allowed)
                    if (pattern == repository[i] || pattern ~ /\/[*]$/ &&
                        index(repository[i], substr(pattern, 1, length(pattern) - 1)) == 1) fine = 1
            if (!fine) {
                if (!said++) print file ": " policy
                print repository[i]
            }
        }
    }' "$@"
}

# check_pulls DIRECTORY: has kubelet records there that make it pull an image that is here?
check_pulls() {
    set -- "$1"/pulling/sha256-* "$1"/pulled/sha256-*
    files=
    for file; do
        case $file in *.tmp) ;; *) [ ! -f "$file" ] || files=$files$newline$file ;; esac
    done
    [ -n "$files" ] || return 0
    set -f
    # shellcheck disable=SC2086
    pulls=$({
        named_images
        json_values $files
    } | pulls_of)
    set +f
    service=kubelet
    [ ! -e /usr/bin/microshift ] || service=microshift
    for line in $pulls; do
        say WARN kubelet "it pulls ${line#*"$tab"} although it is here, as it began to do so before" \
            "rm ${line%%"$tab"*}; systemctl restart $service"
    done
}

# Prints the images of the packages: `image`, ID, name.
named_images() {
    for package in $packages; do
        records task=named role=image "/run/paack/$package/overlay-images/images.json" 2>/dev/null
    done
}

# Prints the records (by json_values, after named_images) that make kubelet pull an image: file, name.
# pulling/ is of pulls that did not end. When kubelet starts, and the image is there, one becomes a record in
# pulled/ that names no credentials, so that they are asked for again. One that all pods may use is fine.
pulls_of() {
    awk -F '\t' '
    # As docker completes a name; a digest counts more than a tag.
    function full(name,    first) {
        first = name
        sub(/\/.*/, "", first)
        if (first == name) name = "docker.io/library/" name
        else if (first !~ /[.:]/ && first != "localhost") name = "docker.io/" name
        if (index(name, "@")) {
            first = name
            sub(/@.*/, "", first)
            sub(/:[^\/:]*$/, "", first)
            sub(/^[^@]*/, first, name)
        } else if (name !~ /:[^\/]*$/) name = name ":latest"
        return name
    }

    function repository(name) {
        sub(/@.*/, "", name)
        sub(/:[^\/:]*$/, "", name)
        return name
    }

    $1 == "image" {
        known[$3] = 1
        names[$2] = names[$2] " " $3
        next
    }
    $1 == "end" { next }
    $2 == "image" && full($3) in known { print $1 "\t" $3 }
    $2 == "imageRef" {
        sub(/^sha256:/, "", $3)
        reference[$1] = $3
    }
    $2 == "credentialMapping" && ($4 == "nodePodsAccessible" && $5 == "true" || $4 ~ /^kubernetes/) {
        fine[$1, $3] = 1
    }
    END {
        for (file in reference) {
            count = split(names[reference[file]], name, " ")
            for (i = 1; i <= count; i++)
                if (!((file, repository(name[i])) in fine)) {
                    print file "\t" name[i]
                    break
                }
        }
    }'
}
