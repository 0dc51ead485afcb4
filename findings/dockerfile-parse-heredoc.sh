#!/bin/sh
# Subject: a here-document in a Containerfile (BuildKit, newer buildah)
# Tool: dockerfile-parse 2.0.1 from PyPI
# Guess: its lines belong to RUN or COPY.
# Seen: each line is an instruction. A line that begins with FROM is a base image, and the last one of
# them becomes `baseimage`.
# Matters: the list of images that a build needs offline has invented names, and the base is wrong.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
pip() { python3 -m pip install -qq --disable-pip-version-check --target lib "$@"; export PYTHONPATH="$work/lib"; }

pip dockerfile-parse==2.0.1
cat > Dockerfile << 'END'
FROM docker.io/library/debian:12
COPY <<inner /src/Containerfile
FROM scratch
COPY app /
inner
END
same 'parents' "['docker.io/library/debian:12', 'scratch'] scratch" "$(python3 -c '
from dockerfile_parse import DockerfileParser
parser = DockerfileParser("Dockerfile")
print(parser.parent_images, parser.baseimage)')"
