"""What a directory tree holds, path by path, and how two trees differ."""

import hashlib
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

ROOT = b"."
_IGNORED_XATTRS = frozenset({"security.selinux"})
_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
    stat.S_IFSOCK: "socket",
}


@dataclass(frozen=True)
class Record:
    """One path of a tree; what its kind does not have is None.

    `links` counts the inode's links (not for directories: each filesystem counts its own way);
    `twin` is the first path in the walk that is a link to the same inode, mostly its own.
    """

    kind: str
    mode: int
    uid: int
    gid: int
    mtime: int | None
    size: int | None
    sha256: str | None
    links: int | None
    twin: bytes | None
    target: bytes | None
    device: tuple[int, int] | None
    xattrs: tuple[tuple[str, bytes], ...]


Tree = Mapping[bytes, Record]


@dataclass(frozen=True)
class _Inode:
    """What all links of an inode share and is dear to find out."""

    first_path: bytes
    sha256: str | None


def read_tree(top: Path) -> dict[bytes, Record]:
    """Walk the directory `top`, following no symbolic link, and return relative path -> Record.

    `top` itself has the key ROOT. Times are whole seconds; all xattrs but security.selinux.
    Any depth, any names: no path longer than one name is handed to the kernel.
    """
    inodes: dict[tuple[int, int], _Inode] = {}
    descriptor = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        tree = {ROOT: _record(descriptor, ROOT, ROOT, inodes)}
        for path, directory, name in _walk(descriptor, b""):
            tree[path] = _record(directory, name, path, inodes)
    finally:
        os.close(descriptor)
    return tree


def diff_trees(expected: Tree, actual: Tree, *, timeless: Collection[bytes] = ()) -> list[str]:
    """Return one line per difference, sorted by path; an empty list when there is none.

    The mtime of `timeless` paths is not compared: podman gives a directory that has no entry of
    its own in a layer's tar the time of the pull.
    """
    differences = []
    for path in sorted(expected.keys() | actual.keys()):
        shown = repr(os.fsdecode(path)) if path != ROOT else "the root directory"
        old, new = expected.get(path), actual.get(path)
        if old is None or new is None:
            extra = old or new
            side = "only in the actual tree" if old is None else "missing in the actual tree"
            differences.append(f"{shown}: {side} ({extra.kind if extra else ''})")
            continue
        for field in fields(Record):
            wanted, found = getattr(old, field.name), getattr(new, field.name)
            if wanted != found and not (field.name == "mtime" and path in timeless):
                form = oct if field.name == "mode" else repr
                differences.append(
                    f"{shown}: {field.name} should be {form(wanted)}, is {form(found)}"
                )
    return differences


def _walk(directory: int, prefix: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield (path, descriptor of its directory, name) of all below, in order of names."""
    for name in sorted(os.fsencode(entry) for entry in os.listdir(directory)):
        path = prefix + name
        try:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            # A whiteout in a directory that only one layer has: overlayfs lists it.
            continue
        yield path, directory, name
        if stat.S_ISDIR(status.st_mode):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            below = os.open(name, flags, dir_fd=directory)
            try:
                yield from _walk(below, path + b"/")
            finally:
                os.close(below)


def _record(
    directory: int, name: bytes, path: bytes, inodes: dict[tuple[int, int], _Inode]
) -> Record:
    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    kind = _KINDS[stat.S_IFMT(status.st_mode)]
    key = (status.st_dev, status.st_ino)
    if key not in inodes:
        inodes[key] = _Inode(path, _sha256(directory, name) if kind == "file" else None)
    special = kind.endswith(" device")
    is_directory = kind == "directory"
    return Record(
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        mtime=status.st_mtime_ns // 1_000_000_000,
        size=status.st_size if kind == "file" else None,
        sha256=inodes[key].sha256,
        links=None if is_directory else status.st_nlink,
        twin=None if is_directory else inodes[key].first_path,
        target=os.readlink(name, dir_fd=directory) if kind == "symlink" else None,
        device=(os.major(status.st_rdev), os.minor(status.st_rdev)) if special else None,
        xattrs=_xattrs(directory, name),
    )


def _sha256(directory: int, name: bytes) -> str:
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=directory)
    with os.fdopen(descriptor, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _xattrs(directory: int, name: bytes) -> tuple[tuple[str, bytes], ...]:
    path = b"/proc/self/fd/%d/%b" % (directory, name)
    names = sorted(set(os.listxattr(path, follow_symlinks=False)) - _IGNORED_XATTRS)
    return tuple((key, os.getxattr(path, key, follow_symlinks=False)) for key in names)
