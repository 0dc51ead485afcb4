"""What one layer has of packages, and what it hides of the layers below: kept in the cache."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import zstandard

from paack.helpers.packages.package import Package
from paack.helpers.packages.readers import Found

_LIMIT = 1 << 30


@dataclass(frozen=True, slots=True)
class LayerPackages:
    """The files of a layer that tell of packages, and all its paths.

    ``paths`` has no slash in front; a directory's ends with one. Of directories in ``opaque`` (""
    is the root) nothing is seen of the layers below; ``whiteouts`` are removed from them.
    """

    found: tuple[Found, ...]
    paths: frozenset[bytes]
    whiteouts: frozenset[bytes]
    opaque: frozenset[bytes]

    def hides(self, path: bytes) -> bool:
        """Tell whether a file of a lower layer is not seen any more."""
        if path in self.paths or path + b"/" in self.paths or path in self.whiteouts:
            return True
        above = path
        while slash := above.rfind(b"/") + 1:
            above = above[: slash - 1]
            # A file in the place of a directory hides all that was in it.
            if above in self.paths or above in self.whiteouts or above in self.opaque:
                return True
        return b"" in self.opaque


def dump(layer: LayerPackages) -> bytes:
    """Return a layer's packages as they are kept."""
    content = {
        "found": [{**asdict(each), "path": _text(each.path)} for each in layer.found],
        **{name: _joined(getattr(layer, name)) for name in ("paths", "whiteouts", "opaque")},
    }
    zstd = zstandard.ZstdCompressor(level=3, write_checksum=True)
    return zstd.compress(json.dumps(content).encode())


def load(content: bytes) -> LayerPackages:
    """Return what ``dump`` made; raise ValueError for what is damaged."""
    try:
        unpacked = zstandard.ZstdDecompressor().decompress(content, max_output_size=_LIMIT)
        fields = json.loads(unpacked)
        return LayerPackages(
            tuple(map(_found, fields["found"])),
            *(_split(fields[name]) for name in ("paths", "whiteouts", "opaque")),
        )
    except (zstandard.ZstdError, LookupError, TypeError) as error:
        raise ValueError(str(error)) from error


def _found(fields: dict[str, Any]) -> Found:
    return Found(
        fields["path"].encode("latin-1"),
        tuple(Package(**each) for each in fields["packages"]),
        tuple((key, value) for key, value in fields["says"]),
        fields["problem"],
    )


def _joined(paths: Iterable[bytes]) -> list[str]:
    """Return paths as one text: none has a NUL. The list tells one empty path from none."""
    paths = sorted(paths)
    return [_text(b"\0".join(paths))] if paths else []


def _split(texts: list[str]) -> frozenset[bytes]:
    return frozenset(texts[0].encode("latin-1").split(b"\0")) if texts else frozenset()


def _text(path: bytes) -> str:
    return path.decode("latin-1")  # any bytes, and back
