"""The bill of materials by itself: that of an RPM, or what a build of a definition would write."""

from __future__ import annotations

from pathlib import Path

from paack.helpers.errors import UsageError
from paack.helpers.hint import command
from paack.helpers.pipe import Builder
from paack.helpers.plan import bill_input
from paack.helpers.rpm import FILES, MAKERS, check_is_rpm, unpack


def check_format(kind: str) -> None:
    """Raise UsageError for a format that there is not."""
    if kind not in FILES:
        raise UsageError(f"--format {kind}: unknown", hint=f"one of: {', '.join(FILES)}")


def bill_of_rpm(rpm: Path, kind: str, work: Path) -> bytes:
    """Return the bill in an RPM, as it is; ``work`` is a directory for what is unpacked.

    Raises UsageError when it has none of the format.
    """
    check_is_rpm(rpm)
    package = unpack(rpm, work)
    bills = [each for each in package.sboms if each.name == FILES[kind]] if package else []
    if not bills or not bills[0].exists():
        hint = "sbom: [spdx, cyclonedx]   in its definition; older packages have SPDX alone"
        raise UsageError(f"{rpm} has no bill of materials as {kind}", hint=hint)
    return bills[0].read_bytes()


def bill_of_definition(
    builder: Builder, file: Path, kind: str, *, arch: str | None = None, name: str | None = None
) -> bytes:
    """Return the bill that a build of a definition would write for one package and arch.

    Images that the cache lacks are fetched. Raises UsageError when there is not one such.
    """
    plan = builder.plan(file)
    wanted = [
        rpm
        for rpm in plan.rpms([arch] if arch else [])
        if rpm.contents[0].images and name in (None, rpm.spec.package.name)
    ]
    if len(wanted) != 1:
        found = ", ".join(f"{rpm.spec.package.name} ({rpm.arch})" for rpm in wanted)
        hint = command("sbom", def_=file, name="NAME", arch="ARCH")
        what = f"which package? {found}" if found else "no such package with images"
        raise UsageError(f"{file}: {what}", hint=hint)
    (rpm,) = wanted
    registry = builder.registry(plan.definition)
    return MAKERS[kind](*bill_input(registry, rpm.spec, rpm.contents[0]))
