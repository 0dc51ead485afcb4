#!/bin/sh
# Subject: a Pod with a volume that is an image (Kubernetes 1.31 and newer), read and written again
# Tool: hikaru 1.3.0 from PyPI
# Guess: what its model does not know stays as it is, or is an error.
# Seen: the volume keeps its name alone, and a misspelt field of a container is gone; no error.
# Matters: the list of images that a manifest needs is short by one, and the rewritten manifest mounts
# an empty directory in its place.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
pip() { python3 -m pip install -qq --disable-pip-version-check --target lib "$@"; export PYTHONPATH="$work/lib"; }

pip hikaru==1.3.0
cat > pod.yaml << 'END'
apiVersion: v1
kind: Pod
metadata: {name: pod}
spec:
  containers: [{name: one, image: "quay.io/example/app:1", imagePulPolicy: Never}]
  volumes: [{name: data, image: {reference: "quay.io/example/data:1"}}]
END
python3 -c '
from hikaru import get_yaml, load_full_yaml
print(get_yaml(load_full_yaml("pod.yaml")[0]))' > again.yaml
same 'images' 'quay.io/example/app:1' "$(grep -o 'quay.io[^ ,}]*' again.yaml)"
same 'volumes' '- {name: data}' "$(grep -A 1 volumes: again.yaml | tail -n 1 | sed 's/^ *//')"
same 'misspelt' 0 "$(grep -c imagePul again.yaml)"
