"""What ``verify`` finds: one thing that is not as it should be, and where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.run import run
from paack.helpers.store import show


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be: where (a path), in which layer, and what."""

    path: str
    what: str
    layer: str | None = None

    def __str__(self) -> str:
        where = f"layer {self.layer}: {self.path}" if self.layer else self.path
        return f"{where}: {self.what}"


def difference_at(path: bytes, what: str, layers: dict[bytes, str]) -> Difference:
    """Return a difference at a path of a store, named as a person knows it.

    ``layers`` are the digests of its layers by their IDs.
    """
    parts = path.split(b"/")
    identifier = parts[1].partition(b".")[0] if len(parts) > 1 else b""
    layer = layers.get(identifier)
    if layer and parts[2:3] == [b"diff"]:
        return Difference("/" + show(b"/".join(parts[3:])), what, layer)
    return Difference(show(path), what, layer)


def rpm_differences(rpm: Path) -> Iterator[Difference]:
    """Yield what rpm itself says: digests of header and payload."""
    result = run(
        ["rpmkeys", "--checksig", "--nosignature", str(rpm.resolve())], check=False, quiet=True
    )
    if result.status != 0:
        said = (result.stdout.decode("utf-8", "replace") + result.stderr).strip().splitlines()
        yield Difference(rpm.name, f"rpm: {said[-1].rpartition(': ')[2] if said else 'no RPM'}")


def compare(where: str, wanted: Sequence[str], found: Sequence[str]) -> Iterator[Difference]:
    """Yield what is in only one of two lists of names, of which ``wanted`` is the lock's."""
    for name in sorted(set(wanted) - set(found)):
        yield Difference(where, f"{name} is missing")
    for name in sorted(set(found) - set(wanted)):
        yield Difference(where, f"{name} is not of the lock")
