#!/bin/sh
# Subject: a Pod with `imagePullPolicy: never`
# Tool: kubernetes-validate 1.37.0 from PyPI, strict, schema of Kubernetes 1.31
# Guess: it is refused: the API takes Always, IfNotPresent and Never, in this spelling alone.
# Seen: valid, and so are `image: null` and any other word: the published schema lists no values.
# Matters: the check passes, the cluster refuses; the policy is what decides whether a preloaded image
# is used.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
pip() { python3 -m pip install -qq --disable-pip-version-check --target lib "$@"; export PYTHONPATH="$work/lib"; }

pip kubernetes-validate==1.37.0
checked() {
    python3 -c '
import sys
import kubernetes_validate, yaml
pod = yaml.safe_load("""{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, %s}]}}""" % sys.argv[1])
try:
    kubernetes_validate.validate(pod, "1.31", strict=True)
    print("valid")
except kubernetes_validate.ValidationError:
    print("refused")' "$1"
}
same 'never' valid "$(checked 'image: a, imagePullPolicy: never')"
same 'null' valid "$(checked 'image: null')"
same 'a key that is no key' refused "$(checked 'image: a, imagePolicy: Never')"
