"""The whole store of an RPM with an index, and how much of its packs that uses."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from paack.helpers.lock import LockedPack
from paack.helpers.packs import PackSource
from paack.helpers.report.report import ReportedPack
from paack.helpers.rpm import pack_name
from paack.helpers.store import join, pack_uses


def join_packs(
    target: Path, index: Path, locked: Sequence[LockedPack], source: PackSource
) -> tuple[ReportedPack, ...]:
    """Write the store that an index and its packs are to ``target``; return what is in the packs.

    Raises LockError for a pack that nobody has, ValueError when the store is damaged.
    """
    with ExitStack() as stack:
        packs = [stack.enter_context(closing(source.open(each))) for each in locked]
        join(target, index, packs)
        uses = pack_uses(target, packs)
    return tuple(
        ReportedPack(pack_name(each.digest), each.size, live, dead)
        for each, (live, dead) in zip(locked, uses, strict=True)
    )
