"""Any text of a unit, read as podman's own generators read it."""

from __future__ import annotations

import shutil
import string
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from paack.helpers.quadlet.unit_file import SyntaxProblem, UnitFile, parse_unit
from paack.helpers.quadlet.words import escaped_words
from tests.check.generators import Generator

IMAGE = "localhost/a:1"
#: What a value may hold, whole and in pieces
_PIECES = st.sampled_from(
    [
        *("a", "B", "é", "=", " ", "  ", "\t", '"', "'", "\\", "\\\n", "\\\r\n", "\\ \n"),
        *("\\x41", "\\x0", "\\x00", "\\u00e9", "\\U0001F600", "\\ud800", "\\101", "\\777", "\\000"),
        *("\\s", "\\n", "\\t", "\\q", "\\\\", '\\"', "\\'", "%N", "%%", "$A", "#", ";", "[", "]"),
        *("\n#c\n", "\n;c\n", "\n\n", "\\\n# c\n", "\\\n;c\n\n", "\xa0", "\u2003", "\x85", "\x1f"),
    ]
)
_VALUES = st.lists(_PIECES, max_size=8).map("".join)
_KEYS = st.sampled_from(["PodmanArgs", "Sysctl", "HostName"])
_BLANKS = st.sampled_from(["", "", " ", "\t ", "\xa0"])
_ASSIGNMENTS = st.builds("{1}{0}{2}={3}{4}\n".format, _KEYS, _BLANKS, _BLANKS, _BLANKS, _VALUES)
_OTHER_LINES = st.one_of(
    st.builds("{0}{1}={2}\n".format, st.sampled_from(["k", "k k", "é", ""]), _BLANKS, _VALUES),
    st.builds("[{0}]{1}\n".format, st.sampled_from(["X-T1", "X-T2", " X-T", "X[", ""]), _BLANKS),
    st.sampled_from(
        ["[Container]\n", "[X-T]x\n", "[X-T\n", "# c\\\n", "; c\n", "\n", "line\n", "\\\n"]
    ),
)
#: Most lines must be right, or nothing is left to compare.
TEXTS = st.tuples(
    st.lists(_ASSIGNMENTS, max_size=5),
    st.one_of(st.just([]), st.lists(st.one_of(_OTHER_LINES, _ASSIGNMENTS), max_size=5)),
).map(lambda both: f"[Container]\nImage={IMAGE}\n{''.join(both[0])}[X-T1]\n{''.join(both[1])}")


@given(texts=st.lists(TEXTS, min_size=30, max_size=30))
@settings(
    max_examples=6,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, *HealthCheck],
)
def test_read_alike(texts: Sequence[str], real: Generator, tmp_path: Path) -> None:
    home = tmp_path / "units"
    shutil.rmtree(home, ignore_errors=True)
    for number, text in enumerate(texts):
        # What cannot be read takes all units of its directory with it.
        (home / str(number)).mkdir(parents=True)
        (home / str(number) / f"u{number}.container").write_text(text, "utf-8", newline="")
    said = real.run(home)
    assert "panic" not in said.complaints
    for number, text in enumerate(texts):
        service = said.services.get(f"u{number}.service")
        try:
            unit = parse_unit(text, Path("u.container"))
        except SyntaxProblem:
            assert service is None, text
            continue
        if not unit.keys("Container").keys() <= {"Image", "PodmanArgs", "Sysctl", "HostName"}:
            assert service is None, text
            continue
        assert service is not None, text
        assert _groups(service) == _our_groups(unit), text
        assert _command(service) == _expected(unit, real.version), text


def _groups(service: str) -> dict[str, list[str]]:
    """Return the lines of groups that nothing is added to."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in service.split("\n"):
        if line.startswith("[") and line.endswith("]"):
            lines = found[line[1:-1]] = []
        elif line and line[0] not in "#;":
            lines.append(line)
    return {name: lines for name, lines in found.items() if "X-T" in name}


def _our_groups(unit: UnitFile) -> dict[str, list[str]]:
    return {
        group: [f"{each.key}={each.value}" for each in unit.assignments if each.group == group]
        for group in unit.groups
        if "X-T" in group
    }


def _command(service: str) -> list[str]:
    (line,) = [line for line in service.split("\n") if line.startswith("ExecStart=")]
    return escaped_words(line.partition("=")[2])


def _expected(unit: UnitFile, version: tuple[int, int]) -> list[str]:
    host = unit.text("Container", "HostName")
    if version < (5, 5) and (given := unit.of("Container", "HostName")):
        # It takes all quotes away from both ends.
        host = given[-1].value.rstrip(f"{string.whitespace}\x85\xa0\u2003").strip('"')
    options = ["--hostname", host] if host else []
    sysctls = [
        word for each in unit.words("Container", "Sysctl") for word in ("--sysctl", each.value)
    ]
    file = ["--cidfile=%t/%N.cid"] if version < (5, 5) else []
    return [
        *("/usr/bin/podman", "run", "--name", "systemd-%N", *file, "--replace", "--rm"),
        "--cgroups=split",
        *(*options, "--sdnotify=conmon", "-d", *sysctls),
        *(each.value for each in unit.arguments("Container", "PodmanArgs")),
        IMAGE,
    ]
