"""Products: files in ``_output`` that are made again only when what they are made from changed.

"Changed" is told by content, never by time: ``NAME.buildinfo.json`` beside a product holds its
inputs (digests, tool versions), a key of them, and the product's own digest.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from types import MappingProxyType

from paack.helpers.progress import Reporter
from paack.helpers.workspace import workspace

#: In the record of what nobody checked before it was made.
NOT_CHECKED = MappingProxyType({"checked": False})


@dataclass(frozen=True, slots=True)
class Product:
    """A product: its name, and its checked content.

    ``content`` is a path that stays what it was while the Product is open, even when another
    build replaces the name.
    """

    path: Path
    content: Path


@dataclass(frozen=True, slots=True)
class Products:
    """Makes products below ``output``; what is not checked before is said in their records."""

    output: Path
    reporter: Reporter
    is_checked: bool = True

    def path(
        self,
        target: Path,
        inputs: Mapping[str, object],
        make: Callable[[Path], Path],
        identity: Mapping[str, object] | None = None,
    ) -> Path:
        """Make ``target`` if need be, and return its path; see ``open``.

        While nobody checked it, its record says ``"checked": false``.
        """
        note = {} if self.is_checked else NOT_CHECKED
        with self.open(target, inputs, make, identity, note):
            pass
        if self.is_checked:
            self._note_checked(_record_of(target))
        return target

    def _note_checked(self, record: Path) -> None:
        info = json.loads(record.read_text("utf-8"))
        if info.pop("checked", True):
            return
        with workspace(self.output / "work") as work:
            _dump(info, work / "buildinfo.json").rename(record)

    @contextmanager
    def open(
        self,
        target: Path,
        inputs: Mapping[str, object],
        make: Callable[[Path], Path],
        identity: Mapping[str, object] | None = None,
        note: Mapping[str, object] = MappingProxyType({}),
    ) -> Iterator[Product]:
        """Yield ``target``, made by ``make`` in a work directory unless it is there already.

        With ``identity`` that alone tells whether it is; ``inputs`` are only recorded, and
        ``note`` when it is made.
        """
        record = _record_of(target)
        key = key_of(inputs if identity is None else identity)
        file = _current(target, record, key)
        if file is None:
            with workspace(self.output / "work") as work:
                made = make(work)
                made.chmod(0o644)
                file = made.open("rb")
                info = {"key": key, "sha256": _sha256(file), "size": made.stat().st_size}
                info_file = _dump({**info, **note, "inputs": inputs}, work / "buildinfo.json")
                target.parent.mkdir(parents=True, exist_ok=True)
                record.unlink(missing_ok=True)
                made.rename(target)
                info_file.rename(record)
            self.reporter.say(f"made    {target}")
        else:
            self.reporter.say(f"same    {target}")
        with file:
            yield Product(target, Path(f"/proc/{os.getpid()}/fd/{file.fileno()}"))


def replace_content(target: Path, new: Path) -> None:
    """Let ``new``, a file in a work directory, replace ``target``: the same content, signed.

    Its record, if it has one, is changed accordingly, so that the product is not made again.
    """
    record = _record_of(target)
    try:
        info = json.loads(record.read_text("utf-8"))
    except (OSError, ValueError):
        info = None
    with new.open("rb") as content:
        changed = {"sha256": _sha256(content), "size": new.stat().st_size}
    new.replace(target)
    if isinstance(info, dict):
        _dump({**info, **changed}, new).replace(record)


def part_identity(name: str) -> dict[str, object]:
    """Return the identity of a part: one that exists is never rebuilt, even by newer tools."""
    return {"group": name}


def digest_of_text(content: bytes) -> str:
    """Return the sha256 of ``content``, as buildinfo files hold it."""
    return hashlib.sha256(content).hexdigest()


def key_of(inputs: Mapping[str, object]) -> str:
    """Return what a buildinfo file tells these inputs from others by."""
    return digest_of_text(json.dumps(inputs, sort_keys=True).encode())


def _record_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.buildinfo.json")


def _dump(info: Mapping[str, object], file: Path) -> Path:
    file.write_text(f"{json.dumps(info, indent=1, sort_keys=True)}\n", "utf-8")
    return file


def _current(target: Path, record: Path, key: str) -> BufferedReader | None:
    """Open ``target`` if it was made from the inputs of ``key``, and is still what was made."""
    try:
        info = json.loads(record.read_text())
        if info["key"] != key:
            return None
        file = target.open("rb")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if info.get("sha256") == _sha256(file):
        return file
    file.close()
    return None


def _sha256(file: BufferedReader) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()
