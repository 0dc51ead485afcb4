"""The two CRCs: fastcrc and crcmod give the same, also of bytes that come in parts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from paack.helpers import crc

CHECK = b"123456789"  # what catalogues of CRCs give the value of


def test_of_the_catalogue() -> None:
    assert crc.crc32c(CHECK) == 0xE3069283  # RFC 3720, appendix B.4
    assert crc.crc64_iso(CHECK) == 0xB90956C775A41001  # ISO 3309


@given(st.binary(), st.binary())
def test_both_libraries_agree(one: bytes, other: bytes) -> None:
    slow32, slow64 = crc.with_crcmod(crc._CRC32C, 32), crc.with_crcmod(crc._CRC64_ISO, 64)
    assert crc.crc32c(one + other) == slow32(one + other)
    assert crc.crc64_iso(other, crc.crc64_iso(one)) == slow64(memoryview(other), slow64(one))
