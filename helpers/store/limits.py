"""What the filesystems of store images cannot hold: all files of a store at once.

squashfs keeps times as unsigned 32 bit seconds, and xattrs of user, trusted and security; EROFS
also later times and POSIX ACLs. What cannot be kept is never left out in silence.
"""

from __future__ import annotations

from datetime import UTC, datetime

from paack.helpers.errors import BuildError
from paack.helpers.progress import count, human
from paack.helpers.store import tar
from paack.helpers.store.layer_tree import Tree

#: Files that an error names; it counts the others.
SHOWN = 20

_FILE_LIMIT = 1 << 36  # a few bytes of a tar can declare a sparse file of any size
_TIMES = {"squashfs": range(1 << 32), "erofs": range(1 << 63)}  # seconds since 1970
_XATTRS = (b"user.", b"trusted.", b"security.")
_ACLS = {
    b"system.posix_acl_access": "POSIX ACL",
    b"system.posix_acl_default": "default POSIX ACL",
    b"system.nfs4_acl": "NFSv4 ACL",
}
_EROFS_XATTRS = (*_XATTRS, b"system.posix_acl_access", b"system.posix_acl_default")
_HINTS = {
    True: "filesystem: erofs   (or auto: EROFS only where it is needed)",
    False: "EROFS cannot hold all of them either: build the image anew, without these",
}


def losses(filesystem: str, entry: tar.Entry) -> list[str]:
    """Return what a file would lose in ``filesystem``, in words; nothing when it can hold all."""
    found = []
    if entry.mtime not in _TIMES[filesystem]:
        found.append(f"its time, {_time(entry.mtime)}")
    if entry.size > _FILE_LIMIT:
        found.append(f"its content of {human(entry.size)}")
    kept = _XATTRS if filesystem == "squashfs" else _EROFS_XATTRS
    for key in sorted(entry.xattrs):
        if not key.startswith(kept):
            name = key.decode(errors="backslashreplace")
            found.append(f"its {_ACLS[key]} ({name})" if key in _ACLS else f"its xattr {name}")
    return found


class Unfit:
    """The files of a store that ``filesystem`` (None: any) cannot hold; false when none is."""

    def __init__(self, filesystem: str | None):
        self.filesystem = filesystem
        self.count = 0
        self.lines: list[str] = []
        self._erofs = True

    def __bool__(self) -> bool:
        return self.count > 0

    def look(self, layer: str, tree: Tree) -> None:
        """Look at all files of the layer with the digest ``layer``."""
        if self.filesystem is None:
            return
        seen: set[int] = set()
        for path, node in tree.walk():
            if node.linked and id(node) in seen:
                continue
            seen.add(id(node))
            if lost := losses(self.filesystem, node.entry):
                self.count += 1
                self._erofs = self._erofs and not losses("erofs", node.entry)
                if len(self.lines) < SHOWN:
                    name = path.decode("utf-8", "backslashreplace")
                    self.lines.append(f"{name!r} of layer {layer} would lose {', '.join(lost)}")

    def add(self, other: Unfit) -> None:
        """Add the files of another layer."""
        self.count += other.count
        self.lines += other.lines[: max(SHOWN - len(self.lines), 0)]
        self._erofs = self._erofs and other._erofs

    def check(self) -> None:
        """Raise BuildError when there is a file."""
        if self:
            files = count(self.count, "file")
            lines = [f"{self.filesystem} cannot hold {files} as in the image:", *self.lines]
            if more := self.count - len(self.lines):
                lines.append(f"and {count(more, 'more file')}")
            raise BuildError("\n  ".join(lines), hint=_HINTS[self._erofs])


def _time(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{seconds} seconds since 1970"
