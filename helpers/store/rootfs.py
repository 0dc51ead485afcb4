"""The files of an image, as its layers in a store give them one upon the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from paack.helpers.oci import LockedImage, chain_ids, layer_id
from paack.helpers.store.table import Row, Table, show

_OPAQUE = b"trusted.overlay.opaque"
_CAPABILITY = b"security.capability"
_SETID = 0o6000


@dataclass
class _Node:
    row: Row | None = None
    children: dict[bytes, _Node] = field(default_factory=dict)


class Rootfs:
    """Gives the files of the images in one store."""

    def __init__(self, table: Table):
        self._layers: defaultdict[str, list[tuple[list[bytes], Row]]] = defaultdict(list)
        for path in sorted(table.paths()):  # so that directories come before what they hold
            parts = path.split(b"/")
            row = table.row(path)
            if row and parts[0] == b"overlay" and parts[2:3] == [b"diff"] and len(parts) > 3:
                self._layers[parts[1].decode()].append((parts[3:], row))

    def files(self, image: LockedImage) -> dict[bytes, Row]:
        """Return every path of an image, whiteouts applied."""
        root = _Node()
        for chain in chain_ids([layer.diff_id for layer in image.layers]):
            for parts, row in self._layers[layer_id(chain)]:
                _place(root, parts, row)
        return dict(_walk(root))


def file_changes(old: dict[bytes, Row], new: dict[bytes, Row]) -> Iterator[str]:
    """Yield a line for each path that differs: ``+``, ``-`` or ``~``, and what to look at twice."""
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        if before == after:
            continue
        sign = "+" if before is None else "-" if after is None else "~"
        alarms = [] if after is None else list(_alarms(before, after))
        yield f"{sign} /{show(path)}" + (f"  [{', '.join(alarms)}]" if alarms else "")


def _alarms(before: Row | None, after: Row) -> Iterator[str]:
    """Yield what gives a program more rights than it had."""
    old_bits = before.mode & _SETID if before and before.kind == "file" else 0
    bits = after.mode & _SETID if after.kind == "file" else 0
    for bit, word in ((0o4000, "setuid"), (0o2000, "setgid")):
        if bits & bit and not old_bits & bit:
            yield word
        elif old_bits & bit and not bits & bit:
            yield f"no {word} any more"
    old_capability = dict(before.xattrs).get(_CAPABILITY) if before else None
    capability = dict(after.xattrs).get(_CAPABILITY)
    if capability != old_capability:
        yield "capabilities" if capability else "no capabilities any more"


def _place(root: _Node, parts: list[bytes], row: Row) -> None:
    node = root
    for part in parts[:-1]:
        node = node.children.setdefault(part, _Node())
    name = parts[-1]
    if row.kind == "character device" and row.device == (0, 0):
        node.children.pop(name, None)
        return
    below = node.children.get(name)
    keeps = (
        below is not None
        and below.row is not None
        and row.kind == below.row.kind == "directory"
        and _OPAQUE not in dict(row.xattrs)
    )
    children = below.children if below is not None and keeps else {}
    # The mark is the store's, not the image's.
    xattrs = tuple(each for each in row.xattrs if each[0] != _OPAQUE)
    node.children[name] = _Node(replace(row, xattrs=xattrs), children)


def _walk(root: _Node) -> Iterator[tuple[bytes, Row]]:
    stack = [(b"", root)]
    while stack:
        path, here = stack.pop()
        if here.row is not None:
            yield path, here.row
        for name, child in here.children.items():
            stack.append((path + b"/" + name if path else name, child))
