"""Layers of random files at few paths, so that they hide, replace and link to one another."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Mapping
from random import Random
from typing import Any

from tests.support.oddities import CAP_NET_RAW, LayerTar

_NAMES = ("a", "b", "c", "d")
_MODES = (0o755, 0o644, 0o600, 0o000, 0o4755, 0o2711, 0o1777, 0o555)
_OWNERS = ((0, 0), (1, 2), (1000, 1000), (123456, 654321))
_KINDS = (
    ["file"] * 8 + ["directory"] * 6 + ["symlink"] * 3 + ["hard link"] * 3
    + ["whiteout"] * 4 + ["opaque"] * 2 + ["fifo", "device"]
)  # fmt: skip
_FORMATS = (tarfile.PAX_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)


#: How often what podman would refuse is left out: two thirds of the layers are pulled.
_MOSTLY = 0.97
_HIDING = ("whiteout", "opaque")


def random_layer(random: Random, *, members: int = 25) -> bytes:
    """Return a layer's tar; podman may refuse it. No member comes twice, as podman wants it."""
    tar = LayerTar(random.choice(_FORMATS))
    named: dict[str, str] = {}
    for _ in range(random.randint(1, members)):
        kind = random.choice(_KINDS)
        path = _path(random)
        if kind == "whiteout":
            path = posixpath.join(posixpath.dirname(path), ".wh." + posixpath.basename(path))
        elif kind == "opaque":
            path = posixpath.join(path, ".wh..wh..opq")
        files = [each for each, of in named.items() if of not in (*_HIDING, "directory")]
        if path in named or (kind == "hard link" and not files):
            continue
        if _is_refused(named, kind, path) and random.random() < _MOSTLY:
            continue
        target = random.choice(files) if kind == "hard link" else _target(random)
        named[path] = kind
        _add(tar, random, kind, path, target)
    if random.random() < 0.2:
        tar.directory("./", mode=random.choice(_MODES), owner=random.choice(_OWNERS))
    return tar.close()


def _is_refused(named: Mapping[str, str], kind: str, path: str) -> bool:
    """Whether podman refuses it, symbolic links apart: below a file, or a whiteout of a member."""
    above = path.split("/")[:-1]
    directories = ("/".join(above[:depth]) for depth in range(1, len(above) + 1))
    if any(named.get(each, "directory") != "directory" for each in directories):
        return True
    if kind == "directory":
        return False
    hidden = path.replace(".wh.", "") if kind == "whiteout" else path
    return any(each == hidden or each.startswith(hidden + "/") for each in named)


def _add(tar: LayerTar, random: Random, kind: str, path: str, target: str) -> None:
    name = random.choice(("", "", "", "./")) + path
    more: dict[str, Any] = {"mode": random.choice(_MODES), "owner": random.choice(_OWNERS)}
    nothing: dict[str, bytes] = {}
    xattrs = random.choice(
        [nothing] * 6
        + [{"user.a": b"1"}, {"user.b": b"\0\xff"}, {"security.capability": CAP_NET_RAW}]
    )
    if kind in _HIDING:
        tar.add(name, **more)
    elif kind == "symlink":
        tar.symlink(name, target)
    elif kind == "hard link":
        tar.hard_link(name, target, **more)
    elif kind == "fifo":
        tar.add(name, kind=tarfile.FIFOTYPE, **more)
    elif kind == "device":
        device = random.choice(((1, 3), (7, 300)))
        tar.add(name, kind=tarfile.CHRTYPE, device=device, **more)
    elif kind == "directory":
        tar.directory(name + random.choice(("", "/")), xattrs=xattrs, **more)
    else:
        content = random.choice((b"", b"x", random.randbytes(700)))
        tar.add(name, content, xattrs=xattrs, mtime=random.choice((0, 1.5, 2**31)), **more)


def _path(random: Random) -> str:
    return "/".join(random.choice(_NAMES) for _ in range(random.choice((1, 1, 2, 2, 3))))


def _target(random: Random) -> str:
    return random.choice(("", "/", "../", "../../")) + _path(random)
