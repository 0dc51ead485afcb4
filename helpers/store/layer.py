"""A layer: its blob read once, checked, and turned into a tree with the data on a spool.

The uncompressed archive goes to an unnamed file (it vanishes with the process), so that memory
stays flat however big the layer is, and so that its files can be written in any order.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from paack.helpers.blobs import BROKEN_IMAGE, BlobReader, Compression
from paack.helpers.errors import VerificationError
from paack.helpers.store import tar, tarsplit
from paack.helpers.store.layer_tree import Refusal, Tree
from paack.helpers.store.store import LayerFacts


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer ready to be written; sizes in bytes.

    ``archive`` holds the uncompressed tar, ``tar_split`` its tar-split (both unnamed files).
    """

    diff_id: str
    diff_size: int
    digest: str
    size: int
    compression: Compression
    tree: Tree
    archive: IO[bytes]
    tar_split: IO[bytes]
    tar_split_size: int

    @property
    def facts(self) -> LayerFacts:
        """What a store records of it."""
        return LayerFacts(
            digest=self.digest,
            size=self.size,
            compression=int(self.compression),
            diff_id=self.diff_id,
            diff_size=self.diff_size,
            uids=tuple(sorted(self.tree.uids)),
            gids=tuple(sorted(self.tree.gids)),
        )

    def close(self) -> None:
        """Give back the disk space."""
        self.archive.close()
        self.tar_split.close()


def read(blob: Path, digest: str, diff_id: str, scratch: Path) -> Layer:
    """Read the layer ``digest`` from the file ``blob``; spool into the directory ``scratch``.

    Raises VerificationError when the blob's digest, the diffID, the compression or the archive
    is not right, naming the layer.
    """
    reader = BlobReader(blob, digest)
    archive: IO[bytes] = tempfile.TemporaryFile(dir=scratch, buffering=0)  # noqa: SIM115
    tar_split: IO[bytes] = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115
    try:
        spool = _Spool(reader, archive.fileno())
        tree, entries = _read_entries(spool, reader)
        _check_diff_id(spool, digest, diff_id)
        tarsplit.write(tar_split, archive.fileno(), spool.size, entries, tree)
        tar_split.flush()
        _forget(entries)
    except BaseException:
        archive.close()
        tar_split.close()
        raise
    return Layer(
        diff_id=diff_id,
        diff_size=spool.size,
        digest=digest,
        size=blob.stat().st_size,
        compression=reader.compression,
        tree=tree,
        archive=archive,
        tar_split=tar_split,
        tar_split_size=tar_split.tell(),
    )


class _Spool:
    """Passes the chunks of a blob on, and digests and keeps them on the way."""

    def __init__(self, chunks: BlobReader, descriptor: int):
        self._chunks = chunks
        self._descriptor = descriptor
        self._sha256 = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._sha256.update(chunk)
            self.size += len(chunk)
            view = memoryview(chunk)
            while view:
                view = view[os.write(self._descriptor, view) :]
            yield chunk

    @property
    def digest(self) -> str:
        return f"sha256:{self._sha256.hexdigest()}"


def _read_entries(spool: _Spool, reader: BlobReader) -> tuple[Tree, list[tar.Entry]]:
    tree = Tree()
    entries: list[tar.Entry] = []
    try:
        for entry in tar.Reader(spool):
            entries.append(entry)
            tree.add(entry)
        tree.end(entries)
    except tar.TarError as error:
        reader.verify()  # a damaged file is the likelier reason: say so
        raise VerificationError(
            f"layer {reader.digest}: not a tar archive: {error}", hint=BROKEN_IMAGE
        ) from error
    except Refusal as error:
        reader.verify()
        raise VerificationError(
            f"layer {reader.digest}: refused: {error}", hint=BROKEN_IMAGE
        ) from error
    return tree, entries


def _forget(entries: list[tar.Entry]) -> None:
    """Drop what only tar-split needs: a layer may have hundreds of thousands of entries."""
    for entry in entries:
        entry.name, entry.crc = b"", 0


def _check_diff_id(spool: _Spool, digest: str, diff_id: str) -> None:
    if spool.digest != diff_id:
        raise VerificationError(
            f"layer {digest}: unpacks to {spool.digest}, its image's config says {diff_id}",
            hint=BROKEN_IMAGE,
        )
