"""Helm charts of a definition: what is rendered, and where the result is kept.

For ``app.yaml`` that is ``app.lock.charts/PACKAGE/``, a directory of manifests like any other.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from paack.helpers.definition.yaml_format import PackageDocument
from paack.helpers.document import Problems, Text


class Rendered(Text):
    """A directory of manifests that ``paack lock`` makes: it need not be there yet."""

    __slots__ = ()


def charts_path(file: Path, package: str) -> Path:
    """Return where the rendered charts of a package of the definition ``file`` are kept."""
    return file.with_name(f"{file.stem}.lock.charts") / package


def with_charts(document: PackageDocument, path: str, problems: Problems) -> PackageDocument:
    """Return the package with its rendered charts, if any, as its manifests; note problems."""
    if not document.charts:
        return document
    if document.manifests or any(arch.manifests for arch in document.arch):
        hint = "put one of them into another package"
        problems.add(document.line, f"{path}: both 'charts' and 'manifests'", hint)
        return document
    releases: set[str] = set()
    for number, chart in enumerate(document.charts):
        where = f"{path}.charts[{number}]"
        if chart.release and chart.release in releases:
            problems.add(chart.line, f"{where}: {chart.release} comes twice", "name it otherwise")
        releases.add(chart.release)
        source = problems.file.parent / (chart.chart or ".")
        if chart.chart and not (source / "Chart.yaml").is_file() and source.suffix != ".tgz":
            hint = "a directory with a Chart.yaml, or a .tgz that helm package or helm pull made"
            problems.add(chart.line, f"{where}: {chart.chart!r} is no chart", hint)
        for each in (*chart.values, *([chart.chart] if source.suffix == ".tgz" else [])):
            if not (problems.file.parent / each).is_file():
                hint = f"it is looked for beside the definition: {problems.file.parent / each}"
                problems.add(chart.line, f"{where}: {each!r} is no file", hint)
    home = charts_path(problems.file, document.name).relative_to(problems.file.parent)
    rendered = Rendered(str(home), document.line)
    return replace(
        document,
        manifests=None if document.arch else rendered,
        arch=tuple(replace(each, manifests=rendered) for each in document.arch),
    )
