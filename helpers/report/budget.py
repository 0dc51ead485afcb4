"""Budgets: how many bytes an RPM may take to download, and what to look at when it is more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from paack.helpers.errors import UsageError, VerificationError
from paack.helpers.printable import printable
from paack.helpers.progress import human
from paack.helpers.report.report import Report, ReportedRpm

_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?) ?(B|[kMG]i?B)?", re.ASCII | re.IGNORECASE)
_UNITS = {
    "": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3,
    "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30,
}  # fmt: skip
_SHOWN = 3
_TEXT_LIMIT = 80


@dataclass(frozen=True, slots=True)
class Budget:
    """What each RPM may take at most, in bytes, and how that was written."""

    limit: int
    text: str

    def excess(self, rpm: ReportedRpm) -> int:
        """Return by how many bytes an RPM is too large; 0 when it is not."""
        return max(rpm.facts.size - self.limit, 0)

    def check(self, reports: Iterable[Report]) -> None:
        """Raise VerificationError naming every RPM that is too large, and why it may be."""
        over = [rpm for report in reports for rpm in report.rpms if self.excess(rpm)]
        if over:
            raise VerificationError(
                "\n".join(line for rpm in over for line in self._explain(rpm)),
                hint="leave images out, make them smaller, or raise --budget",
            )

    def _explain(self, rpm: ReportedRpm) -> Iterator[str]:
        size, excess = rpm.facts.size, self.excess(rpm)
        yield (
            f"{rpm.facts.file} has {human(size)}: {human(excess)} ({excess} bytes) over the budget "
            f"of {self.text}"
        )
        for image in rpm.images[:_SHOWN]:
            own = f"{human(image.own)} of its own, {human(image.shared)} shared"
            yield f"  image {human(image.size)} in the store: {image.name} ({own})"
        for layer in rpm.layers[:_SHOWN]:
            made = printable(layer.made_by, _TEXT_LIMIT) or "no history"
            digest = layer.stored.locked.digest[:19]
            yield f"  layer {human(layer.size)} in the store: {digest} ({made})"


def parse_budget(text: str) -> Budget:
    """Read ``300MB``, ``1.5 GiB`` or a number of bytes; raise UsageError."""
    match = _SIZE.fullmatch(text.strip())
    limit = int(Decimal(match[1]) * _UNITS[(match[2] or "").lower()]) if match else 0
    if limit < 1:
        raise UsageError(
            f"not a size: {text!r}", hint="--budget 300MB, 1.5GiB (1 GiB = 1024 MiB), or bytes"
        )
    return Budget(limit, text.strip())
