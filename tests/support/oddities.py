"""Layers that hold every kind of file that a container image may hold, as tar archives.

Made with Python's tarfile; what it cannot write (sparse files) is put together by hand.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable

CAP_NET_RAW = bytes.fromhex("0100000200200000000000000000000000000000")
ACL_USER_1000_RW = bytes.fromhex(
    "02000000" "01000600ffffffff" "02000600e8030000" "04000400ffffffff" "10000600ffffffff"
    "20000400ffffffff"
)  # fmt: skip
MTIME = 1_600_000_000
#: Directories that no layer here has a member for: an ordinary pull gives them its own time.
UNNAMED_DIRECTORIES = (
    b"missing",
    b"missing/parents",
    b"missing/parents/of",
    b"wh",
    b"opq-nested",
    b"odd/" + b"p" * 90,
)


class LayerTar:
    """Writes one layer; every method adds a member and returns nothing."""

    def __init__(self, format: int = tarfile.PAX_FORMAT):  # noqa: A002
        self._out = io.BytesIO()
        self._tar = tarfile.TarFile(
            fileobj=self._out, mode="w", format=format, errors="surrogateescape"
        )

    def add(
        self,
        name: str | bytes,
        content: bytes = b"",
        *,
        kind: bytes = tarfile.REGTYPE,
        mode: int = 0o644,
        owner: tuple[int, int] = (0, 0),
        mtime: float = MTIME,
        link: str = "",
        device: tuple[int, int] = (0, 0),
        xattrs: dict[str, bytes] | None = None,
    ) -> None:
        """Add a member of any kind."""
        text = name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name
        member = tarfile.TarInfo(text)
        member.type, member.mode, member.mtime, member.linkname = kind, mode, mtime, link
        member.uid, member.gid = owner
        member.devmajor, member.devminor = device
        member.size = len(content)
        member.pax_headers = {
            f"SCHILY.xattr.{key}": value.decode("utf-8", "surrogateescape")
            for key, value in (xattrs or {}).items()
        }
        self._tar.addfile(member, io.BytesIO(content))

    def directory(self, name: str | bytes, mode: int = 0o755, **more: object) -> None:
        """Add a directory."""
        self.add(name, kind=tarfile.DIRTYPE, mode=mode, **more)  # type: ignore[arg-type]

    def symlink(self, name: str | bytes, target: str) -> None:
        """Add a symbolic link."""
        self.add(name, kind=tarfile.SYMTYPE, link=target, mode=0o777)

    def hard_link(self, name: str | bytes, target: str, **more: object) -> None:
        """Add a hard link."""
        self.add(name, kind=tarfile.LNKTYPE, link=target, **more)  # type: ignore[arg-type]

    def raw(self, blocks: bytes) -> None:
        """Add a member that was put together by hand."""
        self._tar.fileobj.write(blocks)
        self._tar.offset += len(blocks)

    def close(self) -> bytes:
        """Return the archive."""
        self._tar.close()
        return self._out.getvalue()


def empty() -> bytes:
    """Return a layer with no member."""
    return LayerTar().close()


def files() -> bytes:
    """Return a layer with every kind of file, owner, mode, name, time and xattr."""
    tar = LayerTar()
    tar.directory("odd", mode=0o755)
    _add_modes_and_owners(tar)
    _add_kinds(tar)
    _add_names(tar)
    _add_sizes_and_times(tar)
    _add_xattrs(tar)
    for make in (sparse_1_0, sparse_0_1, sparse_0_0):
        tar.raw(make(f"odd/{make.__name__}"))
    return tar.close()


def _add_modes_and_owners(tar: LayerTar) -> None:
    tar.add("odd/setuid", b"s", mode=0o4755, owner=(26, 26))
    tar.add("odd/setgid", b"s", mode=0o2755, owner=(0, 43))
    tar.directory("odd/sticky", mode=0o1777)
    tar.directory("odd/setgid-dir", mode=0o2775, owner=(1001, 1002))
    tar.add("odd/mode-000", b"nobody reads this", mode=0)
    tar.directory("odd/mode-000-dir", mode=0)
    tar.add("odd/mode-000-dir/inside", b"x", mode=0o600)
    tar.add("odd/numeric", b"n", owner=(123456, 654321))
    tar.add("odd/large-ids", b"n", owner=(4294967290, 2097152))
    tar.directory("odd/owned-dir", mode=0o710, owner=(999, 998))


def _add_kinds(tar: LayerTar) -> None:
    tar.add("odd/fifo", kind=tarfile.FIFOTYPE, mode=0o622, owner=(7, 7))
    tar.add("odd/char", kind=tarfile.CHRTYPE, mode=0o666, device=(1, 3))
    tar.add("odd/block", kind=tarfile.BLKTYPE, mode=0o660, device=(7, 300), owner=(0, 6))
    tar.symlink("odd/absolute", "/etc/passwd")
    tar.symlink("odd/dangling", "no/where")
    tar.symlink("odd/long-link", "x/" * 200 + "end")
    tar.symlink("odd/link-with-newline", "a\nb")
    tar.directory("odd/links", mode=0o755)
    tar.add("odd/links/first", b"three names", mode=0o640, owner=(5, 5))
    tar.hard_link("odd/links/second", "odd/links/first", mode=0o640, owner=(5, 5))
    tar.hard_link("odd/a-third", "odd/links/first", mode=0o640, owner=(5, 5))
    tar.symlink("odd/links/symlink", "first")
    tar.hard_link("odd/links/of-symlink", "odd/links/symlink")
    tar.add("odd/links/changed-by-link", b"c", mode=0o600)
    tar.hard_link("odd/links/changer", "odd/links/changed-by-link", mode=0o755, owner=(8, 9))


def _add_names(tar: LayerTar) -> None:
    names = (
        b"with space", b" leading and trailing ", b"new\nline", b"tab\there", b"per%cent", b"st*ar",
        b"br[ack]et", b"quest?ion", b'quo"te', b"apos'trophe", b"back\\slash", b"do$llar", b"-dash",
        b"#hash", b"semi;colon", b"~tilde", b"\xff\xfe not utf-8", b"control\x01\x7f",
        "\u00fcmlaut \U0001f40b".encode(), b"n" * 255, b"equals=sign",
    )  # fmt: skip
    tar.directory("odd/names")
    for name in names:
        tar.add(b"odd/names/" + name, b"called " + name)
    deep = b"odd/deep"
    tar.directory(deep)
    for level in range(12):
        deep += b"/" + bytes([97 + level]) * 60
        tar.directory(deep, mode=0o750)
        tar.add(deep + b"/file", b"level %d" % level)
    for length in (99, 100, 101, 155, 156, 255, 256, 257):
        path = b"odd/" + b"p" * 90 + b"/" + b"q" * max(1, length - 95)
        tar.add(path[:length].rstrip(b"/"), b"x")
    tar.hard_link("odd/link-to-deep", deep.decode() + "/file")


def _add_sizes_and_times(tar: LayerTar) -> None:
    tar.directory("odd/sizes")
    for size in (0, 1, 511, 512, 513, 131071, 131072, 131073, 300_000, 1 << 20):
        content = bytes(range(256)) * (size // 256 + 1)
        tar.add(f"odd/sizes/{size}", content[:size])
    tar.add("odd/zeros", bytes(1 << 20))
    tar.directory("odd/times", mtime=1)
    for mtime in (-86_400.5, 0, 1, 1_000_000_000.75, 2_147_483_648, 4_294_967_295, 20_000_000_000):
        tar.add(f"odd/times/{mtime}", b"t", mtime=mtime)


def _add_xattrs(tar: LayerTar) -> None:
    tar.add("odd/capable", b"\x7fELF", mode=0o755, xattrs={"security.capability": CAP_NET_RAW})
    tar.add(
        "odd/user-xattrs",
        b"x",
        xattrs={"user.one": b"1", "user.binary": bytes(range(256))},
    )
    tar.directory("odd/xattr-dir", xattrs={"user.dir": b"yes", "trusted.mine": b"\x00\xff"})
    tar.add("odd/big-xattr", b"x", xattrs={"user.big": b"v" * 3000})
    tar.add("odd/same-xattrs", b"y", xattrs={"user.one": b"1", "user.binary": bytes(range(256))})


def lower() -> bytes:
    """Return a layer whose files the layer ``upper`` deletes, hides and replaces."""
    tar = LayerTar()
    for top in ("wh", "opq", "replaced", "deep", "opq-nested", "redo"):
        tar.directory(top)
        tar.directory(f"{top}/sub")
        tar.add(f"{top}/sub/file", top.encode())
        tar.add(f"{top}/one", b"1")
        tar.add(f"{top}/two", b"2")
    tar.add("file-becomes-dir", b"f")
    tar.directory("dir-becomes-file")
    tar.add("dir-becomes-file/x", b"x")
    tar.directory("attributes", mode=0o755, owner=(1, 1), xattrs={"user.a": b"lower"})
    tar.add("attributes/kept", b"k")
    tar.add("gone", b"g")
    return tar.close()


def upper() -> bytes:
    """Return a layer of whiteouts, opaque directories, replacements and missing parents."""
    tar = LayerTar()
    tar.add(".wh.gone")
    tar.add("wh/.wh.one", owner=(3, 4))
    tar.add("wh/.wh.sub")
    tar.directory("opq", mode=0o700, owner=(11, 12))
    tar.add("opq/.wh..wh..opq")
    tar.add("opq/new", b"n")
    tar.add("opq-nested/sub/.wh..wh..opq")
    tar.directory("opq-nested/sub", mode=0o711)
    tar.add(".wh.redo")
    tar.directory("redo", mode=0o701)
    tar.add("redo/again", b"a")
    tar.add(".wh.deep")
    tar.add("deep/.wh.one")
    tar.directory("file-becomes-dir")
    tar.add("file-becomes-dir/inside", b"i")
    tar.add("dir-becomes-file", b"now a file")
    tar.directory("attributes", mode=0o500, owner=(2, 2), xattrs={"user.b": b"upper"})
    tar.add("missing/parents/of/this", b"m", owner=(77, 77))
    tar.add("wh/.wh.never-there")
    tar.directory("usr-lib")
    tar.symlink("lib", "usr-lib")
    tar.add("lib/through-symlink", b"in usr-lib")
    tar.symlink("abs", "/usr-lib")
    tar.add("abs/through-absolute", b"in usr-lib, too")
    return tar.close()


def duplicates() -> bytes:
    """Return a layer whose members come twice (podman refuses it; GNU tar's result counts)."""
    tar = LayerTar()
    tar.directory("dup", mode=0o700)
    tar.add("dup/file", b"first", mode=0o600)
    tar.hard_link("dup/link-to-first", "dup/file", mode=0o600)
    tar.add("dup/file", b"the second is longer", mode=0o644, owner=(1, 2))
    tar.directory("dup", mode=0o755)
    tar.add("dup/to-link", b"was a file")
    tar.symlink("dup/to-link", "file")
    return tar.close()


def acl() -> bytes:
    """Return a layer with a POSIX ACL, which squashfs cannot hold."""
    tar = LayerTar()
    tar.add("with-acl", b"a", mode=0o664, xattrs={"system.posix_acl_access": ACL_USER_1000_RW})
    return tar.close()


_SPARSE_DATA = ((0, b"start"), (1 << 20, b"middle" * 100), ((3 << 20) - 3, b"end"))
SPARSE_SIZE = 3 << 20


def sparse_content() -> bytes:
    """Return the content of each sparse file."""
    content = bytearray(SPARSE_SIZE)
    for offset, data in _SPARSE_DATA:
        content[offset : offset + len(data)] = data
    return bytes(content)


def sparse_1_0(name: str) -> bytes:
    """Return a member with a pax sparse map, format 1.0."""
    numbers = [len(_SPARSE_DATA)] + [n for o, d in _SPARSE_DATA for n in (o, len(d))]
    prefix = b"".join(b"%d\n" % number for number in numbers)
    records = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": name,
        "GNU.sparse.realsize": str(SPARSE_SIZE),
    }
    return _sparse(f"GNUSparseFile.0/{name[-60:]}", records, _padded(prefix))


def sparse_0_1(name: str) -> bytes:
    """Return a member with a pax sparse map, format 0.1."""
    pairs = ",".join(f"{offset},{len(data)}" for offset, data in _SPARSE_DATA)
    records = {
        "GNU.sparse.size": str(SPARSE_SIZE),
        "GNU.sparse.numblocks": str(len(_SPARSE_DATA)),
        "GNU.sparse.name": name,
        "GNU.sparse.map": pairs,
    }
    return _sparse(f"GNUSparseFile.0/{name[-60:]}", records, b"")


def sparse_0_0(name: str) -> bytes:
    """Return a member with a pax sparse map, format 0.0."""
    body = [_pax("GNU.sparse.size", str(SPARSE_SIZE)), _pax("GNU.sparse.numblocks", "3")]
    for offset, data in _SPARSE_DATA:
        body += [
            _pax("GNU.sparse.offset", str(offset)),
            _pax("GNU.sparse.numbytes", str(len(data))),
        ]
    return _header("pax", b"x", b"".join(body)) + _header(name, b"0", _joined())


def sparse_old_gnu(name: str) -> bytes:
    """Return a member of GNU tar's own type S."""
    data = _joined()
    block = bytearray(_header(name, b"S", data)[:512])
    block[257:265] = b"ustar  \0"
    for number, (offset, part) in enumerate(_SPARSE_DATA):
        pair = b"%011o\0%011o\0" % (offset, len(part))
        block[386 + 24 * number : 386 + 24 * number + 24] = pair
    block[483:495] = b"%011o\0" % SPARSE_SIZE
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + _padded(data)


def _joined() -> bytes:
    return b"".join(data for _, data in _SPARSE_DATA)


def _sparse(name: str, records: dict[str, str], prefix: bytes) -> bytes:
    body = b"".join(_pax(key, value) for key, value in records.items())
    return _header("pax", b"x", body) + _header(name, b"0", prefix + _joined())


def _pax(key: str, value: str) -> bytes:
    rest = f" {key}={value}\n"
    length = len(rest) + len(str(len(rest) + 2))
    return f"{length}{rest}".encode()


def _header(name: str, kind: bytes, body: bytes) -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size, member.mode, member.mtime = kind, len(body), 0o644, MTIME
    return member.tobuf(tarfile.USTAR_FORMAT) + _padded(body)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


ALL: dict[str, Callable[[], bytes]] = {
    "files": files,
    "lower": lower,
    "upper": upper,
    "empty": empty,
    "duplicates": duplicates,
    "acl": acl,
}
