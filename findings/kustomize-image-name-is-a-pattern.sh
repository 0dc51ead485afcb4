#!/bin/sh
# Subject: images: of a kustomization, entry `name: registry.example/app`
# Tool: kubernetes-client 1.20.5+really1.20.2-1.1+deb12u1, Debian 12 (kubectl kustomize); the same was
# seen with kubectl 1.35.2 (kustomize 5.7.1)
# Guess: the name is compared, character by character.
# Seen: it is put into a regular expression as it is, so each dot stands for any character: the entry
# changes registry-example/app, too.
# Matters: a mirror's entry for one registry can change an image of another.
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
cat > pod.yaml << 'END'
apiVersion: v1
kind: Pod
metadata: {name: pod}
spec:
  containers:
  - {name: one, image: "registry.example/app:1"}
  - {name: two, image: "registry-example/app:1"}
END
printf '%s\n' 'resources: [pod.yaml]' 'images: [{name: registry.example/app, newTag: "2"}]' > kustomization.yaml
same 'images' 'registry.example/app:2 registry-example/app:2' \
    "$(kubectl kustomize . | sed -n 's/.*image: //p' | paste -s -d ' ')"
