#!/bin/sh
# Subject: `skopeo copy --quiet` of an image with many layers
# Tools: skopeo 1.9.3+ds1-1+b10, Debian 12
# Guess: four times as many small layers take four times the time; without a terminal nothing is drawn.
# Seen: about twelve times the CPU. Each layer has a progress bar, and whenever one ends all are rendered,
# only to be thrown away. Of the time for 450 layers 84 % is that. skopeo 1.18 (Debian 13) and 1.22 (sid)
# take 0.1 s and 0.4 s of CPU for them, this one 6 s.
# Matters: preloading images of many layers, as of image builders that make one for each package.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
debs() { # PACKAGE=VERSION...
    apt-get -qq -o APT::Sandbox::User=root download "$@"
    for deb in *.deb; do dpkg -x "$deb" root; done
    PATH=$work/root/usr/bin:$PATH
}
image() { # COUNT: the OCI layout COUNT:v1 of so many layers, each with a file of its own
    ids='' layers='' number=0
    while [ "$number" -lt "$1" ]; do
        echo "$1 $number" > file
        tar -cf "$1-$number.tar" file
        ids="$ids,\"sha256:$(sha256sum "$1-$number.tar" | cut -d ' ' -f 1)\""
        layers="$layers,\"$1-$number.tar\""
        number=$((number + 1))
    done
    printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[%s]}}' \
        "${ids#,}" > config.json
    printf '[{"Config":"config.json","RepoTags":null,"Layers":[%s]}]' "${layers#,}" > manifest.json
    tar -cf archive.tar manifest.json config.json "$1"-*.tar
    skopeo --insecure-policy copy -q docker-archive:archive.tar "oci:$1:v1"
}
copy() { # COUNT: copies that image to a directory; prints milliseconds of CPU
    sh -c 'skopeo --insecure-policy copy -q "oci:$0:v1" "dir:copy-$0"; times' "$1" | awk '
        NR == 2 { split($1, user, /[ms]/); split($2, kernel, /[ms]/)
            printf "%d\n", 1000 * (60 * (user[1] + kernel[1]) + user[2] + kernel[2]) }'
}

debs skopeo=1.9.3+ds1-1+b10
for count in 80 320; do image "$count"; done
copy 320 >large
same 'files of the copy: layers, config, manifest, version' 323 "$(find copy-320 -type f | wc -l)"
copy 80 >small
printf 'ms of CPU: %s for 80 layers, %s for 320\n' "$(cat small)" "$(cat large)"
same 'more than seven times the CPU for four times the layers' yes \
    "$([ "$(cat large)" -gt $((7 * $(cat small))) ] && echo yes || echo no)"
