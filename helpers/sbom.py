"""The bill of materials by itself: of an RPM, of what a definition would build, of images alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from paack.helpers.arch import OCI_ARCH, rpm_arch_hint
from paack.helpers.errors import UsageError
from paack.helpers.hint import command
from paack.helpers.oci import ReferenceProblem, Source, parse_source
from paack.helpers.pipe import Builder
from paack.helpers.plan import bill_input, images_bill_input
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
    rpms = [
        rpm
        for rpm in plan.rpms([arch] if arch else [])
        if rpm.contents[0].images and name in (None, rpm.spec.package.name)
    ]
    if len(rpms) != 1:
        choices = ", ".join(f"{rpm.spec.package.name} ({rpm.arch})" for rpm in rpms)
        hint = command("sbom", def_=file, name="NAME", arch="ARCH")
        what = f"which package? {choices}" if choices else "no such package with images"
        raise UsageError(f"{file}: {what}", hint=hint)
    (rpm,) = rpms
    registry = builder.registry(plan.definition)
    return MAKERS[kind](*bill_input(registry, rpm.spec, rpm.contents[0]))


def bill_of_images(builder: Builder, images: Sequence[str], kind: str, *, arch: str) -> bytes:
    """Return the bill of images that are in no package, as they are now, for one RPM arch.

    ``images`` are written as in a definition. What the cache lacks is fetched. Raises UsageError
    for what is no image or arch, RegistryError.
    """
    if arch not in OCI_ARCH:
        hint = rpm_arch_hint(arch) or f"one of: {', '.join(OCI_ARCH)}"
        raise UsageError(f"--arch {arch}: unknown", hint=hint)
    registry = builder.registry_at(Path())
    locked = registry.resolve([(_source(text), arch) for text in dict.fromkeys(images)])
    return MAKERS[kind](*images_bill_input(registry, locked))


def _source(text: str) -> Source:
    try:
        return parse_source(text)
    except ReferenceProblem as problem:
        # Not the problem's own hint, which is how a definition gives an image a name.
        hint = "REGISTRY/REPOSITORY:TAG, lower case; or oci:DIRECTORY:REGISTRY/REPOSITORY:TAG"
        raise UsageError(f"--image {text}: {problem}", hint=hint) from problem
