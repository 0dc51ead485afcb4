"""Reports for a terminal, and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from paack.helpers.lock import MOST_DEAD, MOST_PACKS
from paack.helpers.printable import printable
from paack.helpers.progress import human
from paack.helpers.report.report import Report, ReportedImage, ReportedLayer, ReportedRpm

_BAR = 20
_TEXT_LIMIT = 100
_TEXTS = ("", "arch", "digest")  # columns that are not numbers


def report_lines(report: Report, page: str) -> Iterator[str]:
    """Yield a report and the path of its page as lines; numbers first, so that no name is cut."""
    yield f"{report.facts.nvr}: {printable(report.facts.summary, _TEXT_LIMIT)}"
    rows = [
        (rpm.facts.arch, *map(human, (rpm.facts.size, rpm.on_disk, rpm.unpacked, rpm.registry)))
        for rpm in report.rpms
    ]
    heads = ("arch", "download", "on disk", "unpacked", "in a registry")
    yield from _table(heads, rows)
    for rpm in report.rpms:
        yield ""
        yield f"{rpm.facts.file}: {rpm.facts.size} bytes"
        yield from _rpm_lines(rpm)
    yield f"\nthe same as a page: {page}"


def _rpm_lines(rpm: ReportedRpm) -> Iterator[str]:
    if rpm.images:
        most = max(image.size for image in rpm.images)
        yield from _table(
            ("#", "image", "own", "shared", "", "name"),
            [
                (
                    str(number), human(image.size), human(image.own), human(image.shared),
                    _bar(image.own, image.shared, most), image.name,
                )
                for number, image in enumerate(rpm.images, 1)
            ],
        )  # fmt: skip
        most = max((layer.size for layer in rpm.layers), default=0)
        yield from _table(
            ("layer", "unpacked", "files", "", "digest", "of image #"),
            [_layer_row(layer, most) for layer in rpm.layers],
        )
        yield from _table(
            ("packages", "of image #", "which"),
            [
                (str(len(image.packages)), str(number), image.kinds)
                for number, image in enumerate(rpm.images, 1)
                if image.packages
            ],
        )
    yield from _needed_lines(rpm)
    rows = [
        (f"{part.size}", f"{part.size / rpm.facts.size * 100:.1f}", part.what) for part in rpm.parts
    ]
    yield from _table(("bytes", "%", "part"), [*rows, (f"{rpm.facts.size}", "100.0", "the RPM")])


def _needed_lines(rpm: ReportedRpm) -> Iterator[str]:
    """Yield the packages of layers or packs that an RPM needs, and what an update downloads."""
    if rpm.layer_packages:
        yield from _table(
            ("layers", "in a registry", "package of layers"),
            [(str(len(each.layers)), human(each.size), each.name) for each in rpm.layer_packages],
        )
        yield from _table(
            ("download", "when the top layer changes of"),
            [(human(rpm.update_of(image)), image.name) for image in rpm.images],
        )
    if rpm.packs:
        yield from _table(
            ("pack", "in use", "not", "package of a pack"),
            [
                (human(each.size), human(each.live), human(each.dead), each.name)
                for each in rpm.packs
            ],
        )
        yield f"  {_outlook(rpm)}"
        yield from _table(
            ("download", "at most, when the top layer changes of"),
            [(human(rpm.update_of(image)), image.name) for image in rpm.images],
        )


def _outlook(rpm: ReportedRpm) -> str:
    """Say how far it is to the limits at which packs are made anew."""
    live, dead = (sum(getattr(each, key) for each in rpm.packs) for key in ("live", "dead"))
    percent = 100 * dead // max(live, 1)
    return (
        f"not in use: {percent} % of what is; an update repacks above {int(MOST_DEAD * 100)} %, "
        f"and with more than {MOST_PACKS} packs (now {len(rpm.packs)})"
    )


def _layer_row(layer: ReportedLayer, most: int) -> tuple[str, ...]:
    shared = len(layer.images) > 1
    bar = _bar(0, layer.size, most) if shared else _bar(layer.own, layer.common, most)
    of = ", ".join(str(number + 1) for number in layer.images)
    return (
        human(layer.size), human(layer.files.unpacked), str(layer.files.count), bar,
        layer.stored.locked.digest[7:19], of,
    )  # fmt: skip


def report_json(reports: Iterable[tuple[Report, str]]) -> str:
    """Return reports, each with the path of its page, as JSON; sizes are bytes."""
    return json.dumps(
        [
            {
                "name": report.facts.name,
                "version": report.facts.version,
                "release": report.facts.release,
                "page": page,
                "rpms": [_rpm_json(rpm) for rpm in report.rpms],
            }
            for report, page in reports
        ],
        indent=2,
    )


def _rpm_json(rpm: ReportedRpm) -> dict[str, Any]:
    facts = rpm.facts
    return {
        "file": facts.file,
        "arch": facts.arch,
        "sha256": facts.sha256,
        "signer": facts.signer or None,
        "filesystem": rpm.filesystem or None,
        "download": facts.size,
        "onDisk": rpm.on_disk,
        "unpacked": rpm.unpacked,
        "registry": rpm.registry,
        "parts": [{"what": part.what, "size": part.size} for part in rpm.parts],
        "images": [_image_json(image) for image in rpm.images],
        "layers": [_layer_json(rpm, layer) for layer in rpm.layers],
        **(
            {"layerPackages": [asdict(each) for each in rpm.layer_packages]}
            if rpm.layer_packages
            else {}
        ),
        **({"packs": [asdict(each) for each in rpm.packs]} if rpm.packs else {}),
        "manifests": [asdict(manifest) for manifest in rpm.manifests],
        "tools": asdict(rpm.record) if rpm.record else None,
    }


def _image_json(image: ReportedImage) -> dict[str, Any]:
    return {
        "names": list(image.locked.names),
        "source": image.locked.source,
        "list": image.locked.list,
        "manifest": image.locked.manifest,
        "config": image.locked.config,
        "created": image.locked.created,
        "own": image.own,
        "shared": image.shared,
        "layers": [layer.digest for layer in image.locked.layers],
        "labels": dict(image.facts.labels),
        "packages": [each.as_json() for each in image.packages],
    }


def _layer_json(rpm: ReportedRpm, layer: ReportedLayer) -> dict[str, Any]:
    return {
        "digest": layer.stored.locked.digest,
        "images": [rpm.images[number].name for number in layer.images],
        "own": layer.own,
        "common": layer.common,
        "files": layer.files.count,
        "unpacked": layer.files.unpacked,
        "registry": layer.stored.locked.size,
    }


def _bar(own: int, shared: int, most: int) -> str:
    """Draw own bytes dark and shared bytes light."""
    whole = round(_BAR * (own + shared) / max(most, 1))
    dark = round(_BAR * own / max(most, 1))
    return "█" * dark + "▒" * (whole - dark)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Align columns, numbers to the right; the last one is as long as it is."""
    if not rows:
        return
    yield ""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        cells = [
            cell.ljust(width) if head in _TEXTS else cell.rjust(width)
            for head, cell, width in zip(heads[:-1], row[:-1], widths[:-1], strict=True)
        ]
        yield f"  {'  '.join([*cells, row[-1]])}".rstrip()
