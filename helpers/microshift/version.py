"""What a release of MicroShift is called: by its tag, by RPM, and by its set."""

from __future__ import annotations

import re

_PRE_RELEASE = re.compile(r"(\d+\.\d+\.\d+)-((?:ec|rc)\.\d+)(?:-\d+\.p\d+)?")
_FINAL = re.compile(r"(\d+\.\d+\.\d+)-\d+\.p\d+")
_OKD = re.compile(r".*_g[0-9a-f]+_(\d+\.\d+\.\d+_okd_.+)")
_BUILT = re.compile(r"(?:^|-)(20\d\d)(\d\d)(\d\d)\d{4}\.p\d")


def rpm_version(version: str) -> str:
    """Return the RPM version of a MicroShift release that is named by its tag or RPM version.

    Tags of Red Hat's builds have a date, and ``-`` before a pre-release where RPM has ``~``. In
    all others MicroShift's make-rpm.sh turns each ``-`` into ``_``.
    """
    if match := _PRE_RELEASE.fullmatch(version):
        return f"{match[1]}~{match[2]}"
    match = _FINAL.fullmatch(version)
    return match[1] if match else version.replace("-", "_")


def set_name(version: str) -> str:
    """Return the short name of an RPM version: ``5.0.0-ec.6``; for OKD its own version."""
    match = _OKD.fullmatch(version)
    return match[1].replace("_", "-") if match else version.replace("~", "-")


def built_on(release: str) -> str | None:
    """Return the date (2026-07-24) in a tag or RPM release of Red Hat's; None without one."""
    match = _BUILT.search(release)
    return "-".join(match.groups()) if match else None
