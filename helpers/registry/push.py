"""Where an image of paack's own goes: a registry, by skopeo, or a directory.

In a registry an index comes after all that it names, under its tag last of all: whoever pulls
meanwhile gets the image before it, whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.errors import NoSuchImage, PublishError, RegistryError, UsageError
from paack.helpers.oci import Reference, ReferenceProblem, Source, parse_reference
from paack.helpers.registry.skopeo import RETRIES, registries_conf
from paack.helpers.registry.skopeo_errors import explain
from paack.helpers.run import run
from paack.helpers.workspace import workspace

DESTINATION = "docker://REGISTRY/REPOSITORY:TAG, or oci:DIR"
_LAYOUT = frozenset({"blobs", "index.json", "oci-layout"})
_NAME = "org.opencontainers.image.ref.name"


@dataclass(frozen=True, slots=True)
class Destination:
    """A name in a registry, or the directory of a layout."""

    text: str
    reference: Reference | None = None
    directory: Path | None = None

    def pinned(self, digest: str) -> str:
        """Return what names the image of this digest there."""
        return f"{self.reference.repo if self.reference else self.text}@{digest}"


def parse_destination(text: str) -> Destination:
    """Parse ``docker://REFERENCE`` or ``oci:DIR``; raise UsageError."""
    transport, _, rest = text.partition(":")
    if transport == "oci" and rest:
        if ":" in rest or "@" in rest:
            raise UsageError(f"{text!r}: the directory has no ':' and no '@'", hint="oci:DIR")
        return Destination(text, directory=Path(rest))
    if transport != "docker" or not rest.startswith("//"):
        raise UsageError(f"{text!r} is no place for an image", hint=DESTINATION)
    try:
        reference = parse_reference(rest[2:])
    except ReferenceProblem as problem:
        raise UsageError(str(problem), hint=problem.hint) from problem
    if reference.digest:
        raise UsageError(f"{text!r}: what is pushed tells its digest itself", hint=DESTINATION)
    return Destination(text, reference)


@contextmanager
def new_layout(to: Destination, name: str, output: Path) -> Iterator[Path]:
    """Yield the place for a layout with the image ``name``, gone after the block.

    Raises PublishError when there is something else at the destination.
    """
    parent = output / "work"
    if to.directory:
        _check_replaceable(to.directory, name)
        directory = to.directory.absolute()
        parent = directory.with_name(f".{directory.name}.work")  # on the same filesystem
    with workspace(parent) as work:
        yield work / "layout"


def deliver(layout: Path, name: str, to: Destination, authfile: Path | None) -> None:
    """Bring the image ``name`` of a new layout to its destination; raise RegistryError."""
    if to.directory is None:
        _push(layout, name, to, authfile)
        return
    if to.directory.exists():
        to.directory.rename(layout.with_name("old"))
    layout.rename(to.directory)


def _push(layout: Path, name: str, to: Destination, authfile: Path | None) -> None:
    assert to.reference is not None
    conf = registries_conf()
    options = ["--registries-conf", str(conf)] if conf else []
    env = {"REGISTRY_AUTH_FILE": str(authfile.resolve())} if authfile else {}
    how = ["--all", "--preserve-digests", "--retry-times", RETRIES]
    where = f"docker://{to.reference}"
    command = ["skopeo", *options, "copy", *how, f"oci:{layout.name}:{name}", where]
    result = run(command, cwd=layout.parent, env=env, check=False, quiet=True)
    if result.status != 0:
        source = Source(to.text, "docker", str(to.reference), to.reference, to.reference)
        error = explain(source, result)
        if isinstance(error, NoSuchImage):
            hint = "is the name right? Some registries want a repository to be made first"
            raise RegistryError(error.message, hint=hint)
        raise error


def _check_replaceable(directory: Path, name: str) -> None:
    """Raise PublishError unless nothing but the image ``name`` would be lost."""
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return
    try:
        names = {path.name for path in directory.iterdir()}
        listed = json.loads((directory / "index.json").read_bytes())["manifests"]
        ours = names == _LAYOUT and [each["annotations"][_NAME] for each in listed] == [name]
    except (OSError, ValueError, KeyError, TypeError):
        ours = False
    if not ours:
        raise PublishError(
            f"{directory}: exists, and is no {name}", hint="name another directory, or remove it"
        )
