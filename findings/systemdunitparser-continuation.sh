#!/bin/sh
# Subject: a line of a unit that goes on in the next one, as long Options= of mount units do
# Tool: systemdunitparser 0.4 from PyPI
# Guess: one value, "loop,ro", as systemd reads a backslash at the end of a line: it becomes a blank.
# Seen: the value has the backslash and a line break in it.
# Matters: a check of such units by it finds no option "ro" where there is one.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
same() { # WHAT EXPECTED SEEN
    [ "$2" = "$3" ] || { printf 'changed: %s\n expected: %s\n seen: %s\n' "$1" "$2" "$3" >&2; exit 1; }
    printf 'as stated: %s: %s\n' "$1" "$3"
}
pip() { python3 -m pip install -qq --disable-pip-version-check --target lib "$@"; export PYTHONPATH="$work/lib"; }

pip systemdunitparser==0.4
printf '[Mount]\nWhat=/usr/lib/store.squashfs \\\n  /other\nOptions=loop\n' > run-store.mount
same 'What=' "'/usr/lib/store.squashfs \\\\\\n/other'" "$(python3 -c '
from SystemdUnitParser import SystemdUnitParser
unit = SystemdUnitParser()
unit.read("run-store.mount")
print(repr(unit["Mount"]["What"]))')"
