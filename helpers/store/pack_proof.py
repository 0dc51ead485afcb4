"""That the contents of a pack are those that it says: who made it may be anybody."""

from __future__ import annotations

from collections.abc import Iterator

import zstandard

from paack.helpers.errors import VerificationError
from paack.helpers.squashfs import DATA_PLAIN, NOTHING_32
from paack.helpers.store.block_file import Content, Damaged
from paack.helpers.store.blocks import identity_of
from paack.helpers.store.pack import Pack


def check_contents(pack: Pack) -> None:
    """Unpack all of a pack; raise VerificationError when a content is another than it says."""
    try:
        _Proof(pack).check()
    except (Damaged, zstandard.ZstdError) as error:
        raise VerificationError(
            f"the pack {pack.digest} is not what it says: {error}",
            hint="see who changed the lock, and what is published",
        ) from error


class _Proof:
    def __init__(self, pack: Pack) -> None:
        self._pack = pack
        self._limit = pack.block_size
        self._zstd = zstandard.ZstdDecompressor()
        self._fragments = pack.fragments()
        self._words = pack.words()
        self._fragment, self._tails = NOTHING_32, b""

    def check(self) -> None:
        """Compare each content with its identity."""
        for content in self._pack.contents():
            found = identity_of(content.size, self._blocks(content), self._tail(content))
            if found != content.identity:
                raise Damaged(f"content {content.identity.hex()} is {found.hex()}")

    def _blocks(self, content: Content) -> Iterator[tuple[int, bytes]]:
        start = content.start
        for number in range(content.blocks):
            size = self._words[content.first + number]
            if size:
                data = self._unpacked(start, size)
                # A block of zeros is not stored, and the kernel makes up for a short one.
                if len(data) != self._limit or not data.strip(b"\0"):
                    raise Damaged(f"block {number} of {content.identity.hex()} is none")
                yield number, data
            start += size & ~DATA_PLAIN

    def _tail(self, content: Content) -> bytes:
        if content.fragment == NOTHING_32:
            return b""
        if content.fragment != self._fragment:
            self._fragment = content.fragment
            self._tails = self._unpacked(*self._fragments[content.fragment])
        end = content.offset + content.size % self._limit
        if end > len(self._tails):
            raise Damaged(f"the tail of {content.identity.hex()} is cut off")
        return self._tails[content.offset : end]

    def _unpacked(self, start: int, size: int) -> bytes:
        raw = self._pack.read(start, size & ~DATA_PLAIN)
        if size & DATA_PLAIN:
            return raw
        declared = zstandard.get_frame_parameters(raw).content_size
        if declared > self._limit and declared != zstandard.CONTENTSIZE_UNKNOWN:
            raise Damaged(f"a block of {declared} bytes")
        return self._zstd.decompress(raw, max_output_size=self._limit)
