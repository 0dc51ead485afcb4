"""A plot as SVG, written by hand: no library for a few bars."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from xml.sax.saxutils import escape

from bench.measure import Sample
from bench.run import Results

_WAYS = ("paack", "paack, unchanged", "paack erofs", "floor", "mksquashfs", "file tree")
_WIDTH, _ROW, _LEFT, _BAR = 720, 26, 150, 440
_WALL, _CPU = "#2a6f97", "#e09f3e"


def plot(results: Results) -> str:
    """Return bars: seconds of wall clock and of CPU of each way; CPU per GB at each scale."""
    rows: list[tuple[str, list[tuple[float, str]]]] = []
    for workload, found in list(results.samples.items())[:1]:
        rows.append((f"Building {workload}, seconds: wall (blue), CPU (yellow)", []))
        rows += [(way, _bars(found[way])) for way in _WAYS if way in found]
    rows.append(("paack, CPU seconds per unpacked GB", []))
    for workload, found in results.samples.items():
        size = results.workloads[workload]["unpacked"] / 1e9
        rows.append((workload, [(median(each.cpu for each in found["paack"]) / size, _CPU)]))
    body: list[str] = []
    largest = 1.0
    for number, (label, bars) in enumerate(rows):
        top = 10 + number * _ROW
        if not bars:
            largest = max((value for value, _ in _until_heading(rows[number + 1 :])), default=1.0)
            body.append(_text(10, top + 16, label, weight="bold"))
            continue
        body.append(_text(10, top + 16, label))
        for line, (value, colour) in enumerate(bars):
            height = 18 // len(bars)
            width = max(value / largest * _BAR, 1)
            y = top + 3 + line * height
            body.append(
                f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{height}" fill="{colour}"/>'
            )
        values = " / ".join(f"{value:.1f}" for value, _ in bars)
        body.append(_text(_LEFT + _BAR + 10, top + 16, values))
    height = 20 + len(rows) * _ROW
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}">'
    style = '<g font-family="sans-serif" font-size="12">'
    return "\n".join([head, style, *body, "</g></svg>", ""])


def _bars(samples: Sequence[Sample]) -> list[tuple[float, str]]:
    wall, cpu = (median(values) for values in zip(*((s.wall, s.cpu) for s in samples), strict=True))
    return [(wall, _WALL), (cpu, _CPU)]


def _until_heading(
    rows: Sequence[tuple[str, list[tuple[float, str]]]],
) -> list[tuple[float, str]]:
    found: list[tuple[float, str]] = []
    for _, bars in rows:
        if not bars:
            break
        found += bars
    return found


def _text(x: int, y: int, text: str, weight: str = "normal") -> str:
    return f'<text x="{x}" y="{y}" font-weight="{weight}">{escape(text)}</text>'
