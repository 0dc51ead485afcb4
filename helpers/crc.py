"""CRC-64/ISO, which tar-split has, and CRC-32C, which EROFS has.

fastcrc computes them at memory speed. Fedora has no package of it, so the RPM of paack needs
crcmod, which Fedora has and which takes 18 times as long (still 360 MB/s).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

#: (bytes, CRC of the bytes before them) -> CRC.
Crc = Callable[..., int]

#: Polynomials, the highest bit first.
_CRC64_ISO = 0x1000000000000001B
_CRC32C = 0x11EDC6F41


def with_crcmod(polynomial: int, bits: int) -> Crc:
    """Return the reflected CRC of ``polynomial`` that begins and ends inverted, from crcmod."""
    import crcmod

    inverted = (1 << bits) - 1
    return cast(Crc, crcmod.mkCrcFun(polynomial, initCrc=0, rev=True, xorOut=inverted))


try:
    from fastcrc.crc32 import iscsi
    from fastcrc.crc64 import go_iso
except ImportError:
    iscsi = with_crcmod(_CRC32C, 32)
    go_iso = with_crcmod(_CRC64_ISO, 64)

crc32c: Crc = iscsi
crc64_iso: Crc = go_iso
