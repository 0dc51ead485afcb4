#!/bin/sh
# Subject: a manifest that says its own mediaType, as the OCI specification asks for
# Tool: opencontainers 0.0.15 from PyPI (the specifications' Python module)
# Guess: load() takes it; a field that it does not know is ignored, as the specification wants.
# Seen: "mediaType is not a valid json attribute." and SystemExit: the program ends. A config with the
# field `variant` does the same. `except Exception` does not catch it.
# Matters: podman, buildah and docker write mediaType; one image ends a job over many.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
pip() { python3 -m pip install -qq --disable-pip-version-check --target lib "$@"; export PYTHONPATH="$work/lib"; }

pip opencontainers==0.0.15
loaded() {
    python3 - "$1" << 'END' 2>&1 | tail -n 1
import sys
from opencontainers.image.v1 import Manifest
blob = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:" + "a" * 64, "size": 2}
manifest = {"schemaVersion": 2, "config": blob,
            "layers": [blob | {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}]}
if sys.argv[1] == "with":
    manifest["mediaType"] = "application/vnd.oci.image.manifest.v1+json"
try:
    Manifest().load(manifest)
    print("loaded")
except Exception:
    print("exception")
except SystemExit as end:
    print("SystemExit", end.code)
END
}
same 'without mediaType' loaded "$(loaded without)"
same 'with mediaType' 'SystemExit 1' "$(loaded with)"
