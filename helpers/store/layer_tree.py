"""The tree of one layer: a tar archive applied to an empty directory, in memory.

The rules are those of containers/storage's pkg/archive (Unpack and the overlay whiteout
converter), because devices that pull the image get what those make of it. What podman refuses
to pull is refused here, too; so is what leaves the layer (``..``, absolute paths).
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator

from paack.helpers.store import tar

WHITEOUT = b".wh."
OPAQUE = b".wh..wh..opq"
OPAQUE_XATTR = b"trusted.overlay.opaque"
IMPLICIT_DIR_MODE = 0o755

_SYMLINKS_FOLLOWED = 40  # as the kernel: MAXSYMLINKS
_ID_LIMIT = (1 << 32) - 1  # the last one means "no change" to chown
_MAJOR_LIMIT, _MINOR_LIMIT = 1 << 12, 1 << 20
_NAME_LIMIT = 255  # bytes, as the kernel: NAME_MAX
_PATH_LIMIT = 4095  # bytes, as the kernel: PATH_MAX without its NUL
_DEPTH_LIMIT = 2048  # more cannot be named by one path
_LAST_TIME = ((1 << 63) - 1) // 10**9  # seconds: what fits into nanoseconds
_LOST_BY_CHOWN = frozenset({b"security.capability"})
_IGNORED_XATTRS = frozenset({b"security.selinux"})  # as containers/storage: the host labels files


class Refusal(ValueError):
    """A member of the archive that cannot be, or must not be, applied: its name and why."""


class Node:
    """A file of any kind; two names of one hard-linked file share the Node, which is ``linked``.

    ``entry`` holds the attributes; ``children`` is None unless it is a directory.
    """

    __slots__ = ("children", "entry", "linked")

    def __init__(self, entry: tar.Entry):
        self.entry = entry
        self.linked = False
        self.children: dict[bytes, Node] | None = {} if entry.kind == tar.DIRECTORY else None


class Tree:
    """Takes the entries of a layer in their order, then ``end``; ``walk`` gives the result.

    ``uids`` and ``gids`` are those of all entries but whiteouts, as layers.json records them.
    """

    def __init__(self) -> None:
        self.root = Node(_directory(0o555))  # containers/storage ignores the archive's own "./"
        self.uids: set[int] = set()
        self.gids: set[int] = set()
        self._parents: dict[bytes, Node] = {}
        self._moved = False

    def add(self, entry: tar.Entry) -> None:
        """Apply one entry; raise Refusal when podman would not, or it is an attack."""
        path = _components(entry.name)
        _check(entry)
        if not path or not path[-1].startswith(WHITEOUT):
            self.uids.add(entry.uid)
            self.gids.add(entry.gid)
        if not path:
            return
        name = path[-1]
        try:
            parent = self._parent(entry.name, path[:-1])
        except NotADirectoryError as error:
            if name.startswith(WHITEOUT) and name != OPAQUE:
                return  # see _whiteout
            raise _refusal(entry.name, "its parent is not a directory") from error
        if name.startswith(WHITEOUT):
            self._whiteout(parent, name, entry)
        elif parent.children is None:
            raise _refusal(entry.name, "its parent is not a directory")
        elif entry.kind == tar.LINK:
            self._link(parent.children, name, entry)
        else:
            self._place(parent.children, name, entry)

    def end(self, entries: Iterable[tar.Entry]) -> None:
        """Give directories their times, once all ``entries`` were added; raise as ``add`` does.

        podman does so by the directories' names, in the end. They are elsewhere, or nowhere,
        where a later entry took the place of a directory or symbolic link above.
        """
        if not self._moved:
            return
        for entry in entries:
            if entry.kind == tar.DIRECTORY and (path := _components(entry.name)):
                node = self._there(path, follow_last=True)
                if node is None:
                    raise _refusal(entry.name, "a later entry took its place, or that of a parent")
                node.entry.mtime = entry.mtime

    def get(self, path: bytes) -> Node | None:
        """Return what is at ``path`` (as walk yields it); symbolic links are not followed."""
        node: Node | None = self.root
        for name in path.split(b"/"):
            if node is None or node.children is None:
                return None
            node = node.children.get(name)
        return node

    def walk(self) -> Iterator[tuple[bytes, Node]]:
        """Yield (path, node) of everything below the root, parents first, names sorted."""
        stack = [(b"", self.root)]
        while stack:
            path, node = stack.pop()
            if path:
                yield path, node
            if node.children:
                prefix = path + b"/" if path else b""
                for name in sorted(node.children, reverse=True):
                    stack.append((prefix + name, node.children[name]))

    def _place(self, siblings: dict[bytes, Node], name: bytes, entry: tar.Entry) -> None:
        old = siblings.get(name)
        if old is not None and old.children is not None and entry.kind == tar.DIRECTORY:
            entry.xattrs = {**old.entry.xattrs, **entry.xattrs}
            old.entry = entry
            return
        self._replace(old)
        siblings[name] = Node(entry)

    def _link(self, siblings: dict[bytes, Node], name: bytes, entry: tar.Entry) -> None:
        """A hard link also gives its own owner, mode, time and xattrs to the file.

        What is in its place goes first, and with it the target, if that was in there. Only a link
        to its own name, which podman refuses as a member that comes twice, stays as it is.
        """
        path = _components(entry.link.lstrip(b"/"), entry.name)
        old = siblings.get(name)
        if old is not None and path != _components(entry.name):
            self._replace(siblings.pop(name))
        target = self._there(path)
        if target is None or target.children is not None:
            raise _refusal(
                entry.name, f"hard link to {entry.link!r}, which is no file of the layer"
            )
        siblings[name] = target
        target.linked |= old is not target
        file = target.entry
        if (file.uid, file.gid) != (entry.uid, entry.gid):
            file.uid, file.gid = entry.uid, entry.gid
            file.xattrs = {key: file.xattrs[key] for key in file.xattrs.keys() - _LOST_BY_CHOWN}
        if file.kind != tar.SYMLINK:
            file.mode, file.mtime = entry.mode, entry.mtime
        file.xattrs = {**file.xattrs, **entry.xattrs}

    def _whiteout(self, parent: Node, name: bytes, entry: tar.Entry) -> None:
        if parent.children is None:
            # Some tools write ".wh.foo", then "foo/.wh.bar", which has gone with its parent.
            return
        if name == OPAQUE:
            parent.entry.xattrs = {**parent.entry.xattrs, OPAQUE_XATTR: b"y"}
            return
        hidden = name[len(WHITEOUT) :]
        if hidden in (b"", b".", b".."):
            raise _refusal(entry.name, "whiteout of nothing")
        if hidden in parent.children:
            raise _refusal(entry.name, "whiteout of a file of the same layer")
        parent.children[hidden] = Node(
            tar.Entry(hidden, tar.CHAR, 0, entry.uid, entry.gid, 0, 0, b"", 0, 0, tar.NO_XATTRS)
        )

    def _parent(self, name: bytes, path: list[bytes]) -> Node:
        key = b"/".join(path)
        node = self._parents.get(key)
        if node is None:
            node = self._parents[key] = self._resolve(name, path)
        return node

    def _resolve(self, name: bytes, path: list[bytes]) -> Node:
        """Follow ``path`` from the root as the kernel would in a chroot, making directories.

        Raises NotADirectoryError where that stands in the way, else Refusal.
        """
        found = self._find(path, make=True, follow_last=True)
        if found is None:
            raise _refusal(name, "its parent cannot be reached")
        return found

    def _there(self, path: list[bytes], *, follow_last: bool = False) -> Node | None:
        try:
            return self._find(path, follow_last=follow_last)
        except NotADirectoryError:
            return None

    def _find(
        self, path: list[bytes], *, make: bool = False, follow_last: bool = False
    ) -> Node | None:
        trail = [self.root]
        rest = path[::-1]
        followed = 0
        while rest:
            part = rest.pop()
            here = trail[-1]
            if here.children is None:
                raise NotADirectoryError
            if part == b"..":
                if len(trail) > 1:
                    trail.pop()
                continue
            node = here.children.get(part)
            if node is None:
                if not make:
                    return None
                inherited = here.entry.mode & stat.S_ISGID  # as mkdir(2) has it
                node = here.children[part] = Node(_directory(IMPLICIT_DIR_MODE | inherited))
            if node.entry.kind == tar.SYMLINK and (rest or follow_last):
                followed += 1
                if followed > _SYMLINKS_FOLLOWED:
                    return None
                if node.entry.link.startswith(b"/"):
                    trail = [self.root]
                rest += [p for p in reversed(node.entry.link.split(b"/")) if p not in (b"", b".")]
                make = False  # mkdir does not go through a dangling symlink
                continue
            trail.append(node)
            if len(trail) > _DEPTH_LIMIT:
                return None
        return trail[-1]

    def _replace(self, old: Node | None) -> None:
        """Forget remembered parents: one of them may be what is replaced."""
        if old is not None:
            self._parents.clear()
            self._moved |= old.entry.kind in (tar.DIRECTORY, tar.SYMLINK)


def _directory(mode: int) -> tar.Entry:
    return tar.Entry(b"", tar.DIRECTORY, mode, 0, 0, 0, 0, b"", 0, 0, tar.NO_XATTRS)


def _components(path: bytes, member: bytes | None = None) -> list[bytes]:
    """Split a path of the archive; ``./a//b/`` is ``[a, b]`` and ``./`` is the root, ``[]``.

    ``member`` is the name to show in a Refusal, if it is not ``path`` itself.
    """
    member = path if member is None else member
    if path.startswith(b"/"):
        raise _refusal(member, "absolute path")
    if b"\0" in path or len(path) > _PATH_LIMIT:
        raise _refusal(member, f"a path with NUL, or longer than {_PATH_LIMIT} bytes")
    parts = [part for part in path.split(b"/") if part not in (b"", b".")]
    if b".." in parts:
        raise _refusal(member, "path with ..")
    if parts and max(map(len, parts)) > _NAME_LIMIT:
        raise _refusal(member, f"a name longer than {_NAME_LIMIT} bytes")
    return parts


_KINDS = frozenset(
    {tar.REGULAR, tar.LINK, tar.SYMLINK, tar.CHAR, tar.BLOCK_DEVICE, tar.DIRECTORY, tar.FIFO}
)


def _check(entry: tar.Entry) -> None:
    if entry.kind not in _KINDS:
        raise _refusal(entry.name, f"tar type {entry.kind!r} is not supported by podman either")
    if not (0 <= entry.uid < _ID_LIMIT and 0 <= entry.gid < _ID_LIMIT):
        raise _refusal(entry.name, f"owner {entry.uid}:{entry.gid} is out of range")
    if not (0 <= entry.major < _MAJOR_LIMIT and 0 <= entry.minor < _MINOR_LIMIT):
        raise _refusal(entry.name, f"device {entry.major}:{entry.minor} is out of range")
    if entry.kind != tar.SYMLINK and not 0 <= entry.mtime <= _LAST_TIME:
        entry.mtime = 0  # as containers/storage, system.Chtimes
    if entry.kind == tar.SYMLINK and not 0 < len(entry.link) <= _PATH_LIMIT:
        raise _refusal(entry.name, f"symbolic link to a path of {len(entry.link)} bytes")
    if not entry.xattrs:
        return
    entry.xattrs = {key: entry.xattrs[key] for key in entry.xattrs.keys() - _IGNORED_XATTRS}
    for key in entry.xattrs:
        # Would steer the overlay mount (redirect, metacopy) instead of describing a file.
        if not key or key.startswith((b"trusted.overlay.", b"user.overlay.")):
            raise _refusal(entry.name, f"xattr {key.decode(errors='replace')}")


def _refusal(name: bytes, reason: str) -> Refusal:
    return Refusal(f"{name.decode('utf-8', 'backslashreplace')!r}: {reason}")
