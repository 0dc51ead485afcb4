"""The table beside an index: of which pieces of files its squashfs is made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from paack.helpers.rpm.part_name import pack_file
from paack.helpers.rpm.spec import Spec
from paack.helpers.store import Pack, piece_table


def pack_sources(
    spec: Spec, arch: str, sources: Mapping[str, Path | bytes], packs: Sequence[Pack]
) -> dict[str, Path | bytes]:
    """Return the source of kind "packs" of one arch, whose index is in ``sources``."""
    of_arch = {source.kind: source for source in spec.sources_of(arch)}
    store = of_arch["store"]
    index = sources[store.name]
    assert isinstance(index, Path)
    named = [(pack_file(pack.digest), pack) for pack in packs]
    return {of_arch["packs"].name: piece_table(index, store.path, named)}
