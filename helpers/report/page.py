"""Reports as HTML: one page that needs nothing else, no script, and no network.

Rendered from pages/report.html.j2. All that images and manifests say is hostile: it is escaped by
the template engine, and made visible by ``printable``; only http(s) addresses become links.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup, escape

from paack.helpers.oci import ImageFacts
from paack.helpers.printable import printable, web_address
from paack.helpers.progress import human
from paack.helpers.report.budget import Budget
from paack.helpers.report.report import Report, ReportedImage, ReportedManifest, ReportedRpm
from paack.helpers.templates import ROOT, new_environment
from paack.helpers.workspace import workspace

_COLOURS = 6
_SEGMENTS = 8
_LABELS, _OBJECTS = 100, 50
_NAME, _WORDS = 500, 1000  # characters


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a bar: what, how many bytes, and the class that paints it."""

    what: str
    size: int
    style: str


@dataclass(frozen=True, slots=True)
class ImageGroup:
    """An image of one name and source, by arch; ``facts`` are those that arches have in common."""

    anchor: str
    images: tuple[tuple[str, ReportedImage], ...]

    @property
    def first(self) -> ReportedImage:
        """The image of the first arch."""
        return self.images[0][1]

    @property
    def name(self) -> str:
        """The name that all arches have."""
        return self.first.name

    @property
    def facts(self) -> list[tuple[list[str], ImageFacts]]:
        """What the image says of itself, with the arches for which it says so."""
        groups: list[tuple[list[str], ImageFacts]] = []
        for arch, image in self.images:
            for arches, facts in groups:
                if facts == image.facts:
                    arches.append(arch)
                    break
            else:
                groups.append(([arch], image.facts))
        return groups


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """A manifest, the arches that have it, and its images with the anchors of those packaged."""

    manifest: ReportedManifest
    arches: list[str]
    images: list[tuple[str, str | None]]


def write_page(report: Report, budget: Budget | None, output: Path) -> Path:
    """Write the page of a report into ``output``/reports, by rename, and return its path."""
    target = output / "reports" / f"{report.facts.nvr}.html"
    with workspace(output / "work") as work:
        page = work / "report.html"
        page.write_text(render_page(report, budget), "utf-8")
        page.chmod(0o644)
        target.parent.mkdir(parents=True, exist_ok=True)
        page.rename(target)
    return target


def render_page(report: Report, budget: Budget | None = None) -> str:
    """Return the page of a report; the same report gives the same page."""
    groups = _groups(report)
    anchors = {_key(image): group.anchor for group in groups for _, image in group.images}
    largest = max(report.rpms, key=lambda rpm: rpm.facts.size)
    template = _environment().get_template("report.html.j2")
    return template.render(
        report=report,
        facts=report.facts,
        groups=groups,
        anchors=anchors,
        manifests=_manifests(report, anchors),
        largest=largest,
        budget=budget,
        over=budget is not None and budget.excess(largest) > 0,
        slack=abs(budget.limit - largest.facts.size) if budget else 0,
        label_limit=_LABELS,
        object_limit=_OBJECTS,
    )


def segments(rpm: ReportedRpm) -> list[Segment]:
    """Return where the bytes of an RPM are: each image's own, what images share, the rest."""
    own = [image for image in rpm.images if image.own]
    parts = [
        Segment(f"{image.name}, its own", image.own, f"c{number % _COLOURS}")
        for number, image in enumerate(own[:_SEGMENTS])
    ]
    more = sum(image.own for image in own[_SEGMENTS:])
    shared = rpm.layer_bytes - sum(image.own for image in own)
    parts += (
        [Segment(f"{len(own) - _SEGMENTS} more images, their own", more, "own")] if more else []
    )
    parts += [Segment("shared by images", shared, "shared")] if shared else []
    return [*parts, Segment("everything else", rpm.uncompressed - rpm.layer_bytes, "rest")]


def _description(stack: Sequence[Segment]) -> str:
    return "; ".join(f"{human(each.size)} {each.what}" for each in stack)


def _groups(report: Report) -> list[ImageGroup]:
    found: dict[tuple[str, str], list[tuple[str, ReportedImage]]] = {}
    for rpm in report.rpms:
        for image in rpm.images:
            found.setdefault(_key(image), []).append((rpm.facts.arch, image))
    return [
        ImageGroup(f"image-{number}", tuple(found[key]))
        for number, key in enumerate(sorted(found), 1)
    ]


def _key(image: ReportedImage) -> tuple[str, str]:
    return image.name, image.locked.source


def _manifests(report: Report, anchors: dict[tuple[str, str], str]) -> list[ManifestRow]:
    rows: dict[ReportedManifest, ManifestRow] = {}
    for rpm in report.rpms:
        for manifest in rpm.manifests:
            if manifest not in rows:
                images = list(_linked(rpm, manifest, anchors))
                rows[manifest] = ManifestRow(manifest, [], images)
            rows[manifest].arches.append(rpm.facts.arch)
    return sorted(rows.values(), key=lambda row: (row.manifest.path, row.arches))


def _linked(
    rpm: ReportedRpm, manifest: ReportedManifest, anchors: dict[tuple[str, str], str]
) -> Iterator[tuple[str, str | None]]:
    for text in manifest.images:
        number = rpm.image_number(text)
        yield text, None if number is None else anchors[_key(rpm.images[number])]


def _short_name(name: str) -> str:
    """Return a name without its registry and path, which the table of images shows."""
    return printable(name.rpartition("/")[2], 100)


def _breakable(text: str) -> Markup:
    """Escape a name or path, and let it break after its slashes and colons."""
    return Markup("<wbr>").join(map(escape, re.split("(?<=[/:@.])", printable(text, _NAME))))


def _utc(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def _finalize(value: object) -> object:
    """Make every text that a template shows visible, whatever filter was forgotten."""
    return printable(value) if type(value) is str else value


@cache
def _environment() -> Environment:
    environment = new_environment(ROOT / "pages", autoescape=True, finalize=_finalize)
    environment.filters |= {
        "human": human,
        "exact": lambda size: f"{size:,}",
        "share": lambda size, whole: f"{size / whole * 100:.1f} %",
        "percent": lambda size, whole: f"{100 * size / max(whole, 1):.2f}",
        "printable": printable,
        "web_address": web_address,
        "breakable": _breakable,
        "short_name": _short_name,
        "words": lambda words: printable(shlex.join(words), _WORDS),
        "utc": _utc,
        "key": _key,
        "segments": segments,
        "description": _description,
    }
    return environment
