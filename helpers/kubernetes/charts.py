"""Helm charts, rendered when a definition is locked, with no cluster and no network.

The result is a kustomization, as MicroShift applies it. What helm does besides rendering templates
is done here: objects without a namespace get that of the release, and hooks that are not of an
installation are left out.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from paack.helpers.definition import ChartDocument, Definition, Package, charts_path
from paack.helpers.document import Located, load_all
from paack.helpers.errors import DefinitionError, LockError, Place, ToolError
from paack.helpers.hint import command
from paack.helpers.kubernetes.kustomize import NO_NETWORK, error_text
from paack.helpers.run import run
from paack.helpers.workspace import workspace

_HOOK = "helm.sh/hook"
_INSTALLING = ("pre-install", "post-install", "crd-install")
_INPUTS = "# Made by paack lock, from charts with the digest "
_DOCUMENTS = re.compile(r"^---[^\S\n]*$\n?", re.M)
_SHOWN = 3

Say = Callable[[str], None]


def render_charts(definition: Definition, *, update: bool, say: Say) -> list[str]:
    """Render the charts that have changed, or all; return a line about each.

    Raises ToolError when helm is needed and missing, DefinitionError when it fails.
    """
    done = []
    for package in definition.packages:
        home = charts_path(definition.file, package.name)
        if package.charts and (update or _recorded(home) != _inputs(definition, package)):
            _render(definition, package, home, say)
            done.append(f"rendered the charts of {package.name} into {home}")
    return done


def chart_problems(definition: Definition) -> Iterator[LockError]:
    """Yield which charts were not rendered as they are now."""
    for package in definition.packages:
        home = charts_path(definition.file, package.name)
        if package.charts and _recorded(home) != _inputs(definition, package):
            what = "changed since they were rendered" if home.exists() else "are not rendered"
            message = f"the charts of {package.name} {what}"
            hint = command("lock", def_=definition.file)
            yield LockError(message, place=Place(definition.file, package.line), hint=hint)


def _inputs(definition: Definition, package: Package) -> str:
    """Return the digest of all that a rendering depends on, but for helm itself."""
    base = definition.file.parent
    digest = hashlib.sha256()
    for chart in package.charts:
        source = base / chart.chart
        files = [source] if source.is_file() else sorted(filter(Path.is_file, source.rglob("*")))
        names = [(file.relative_to(base / chart.chart).as_posix(), file) for file in files]
        names += [(str(number), base / each) for number, each in enumerate(chart.values)]
        words = [chart.release, chart.namespace, chart.kube_version or ""]
        hashes = [(name, hashlib.sha256(file.read_bytes()).hexdigest()) for name, file in names]
        digest.update(json.dumps([words, hashes]).encode())
    return f"sha256:{digest.hexdigest()}"


def _recorded(home: Path) -> str | None:
    file = home / "kustomization.yaml"
    first = file.read_text("utf-8").partition("\n")[0] if file.is_file() else ""
    return first.removeprefix(_INPUTS) if first.startswith(_INPUTS) else None


def _render(definition: Definition, package: Package, home: Path, say: Say) -> None:
    place = Place(definition.file, package.line)
    if shutil.which("helm") is None:
        raise ToolError(
            f"{place}: helm is not installed, which renders the charts of {package.name}",
            hint="https://helm.sh/docs/intro/install; a build needs none, when what "
            "`paack lock` makes is committed",
        )
    scratch_home = home.parent.with_name(f".{home.parent.name}.work")
    with workspace(scratch_home) as work:
        new = work / "new"
        new.mkdir()
        resources = []
        for chart in package.charts:
            first, second = (
                _template(definition, chart, work / f"helm{number}") for number in (1, 2)
            )
            _compare(first, second, chart, say)
            text = _installed(first, Path(f"{chart.release}.yaml"), say)
            resources += list(_namespaced(chart, text, new))
        resources = list(dict.fromkeys(resources))
        lines = [f"{_INPUTS}{_inputs(definition, package)}", "resources:"]
        lines += [f"- {each}" for each in resources]
        (new / "kustomization.yaml").write_text("\n".join(lines) + "\n", "utf-8")
        home.parent.mkdir(exist_ok=True)
        if home.exists():
            home.rename(work / "old")
        new.rename(home)


def _template(definition: Definition, chart: ChartDocument, home: Path) -> str:
    base = definition.file.parent.absolute()
    words = ["helm", "template", chart.release, str(base / chart.chart)]
    words += ["--namespace", chart.namespace, "--include-crds", "--skip-tests"]
    words += ["--kube-version", chart.kube_version] if chart.kube_version else []
    for each in chart.values:
        words += ["--values", str(base / each)]
    # No settings, plugins, repositories and clusters of whoever runs it.
    kinds = ("CACHE", "CONFIG", "DATA")
    alone = {f"HELM_{kind}_HOME": str(home / kind.lower()) for kind in kinds}
    alone |= {"KUBECONFIG": str(home / "none"), "HELM_PLUGINS": str(home / "plugins"), **NO_NETWORK}
    result = run(words, env=alone, check=False, quiet=True)
    if result.status != 0:
        raise DefinitionError(
            f"helm cannot render {chart.chart}: {error_text(result.stderr) or result.explain()}",
            place=Place(definition.file, chart.line),
            hint="a dependency that is missing comes with: helm dependency build CHART",
        )
    return result.stdout.decode("utf-8", "replace")


def _compare(first: str, second: str, chart: ChartDocument, say: Say) -> None:
    if first != second:
        changes = difflib.ndiff(first.splitlines(), second.splitlines())
        lines = [line[2:].strip() for line in changes if line.startswith("- ")]
        shown = "".join(f"\n  | {line}" for line in lines[:_SHOWN])
        say(
            f"warning {chart.chart} renders otherwise each time (random values, or the date); what "
            f"it was now is kept until the chart changes, or with --update. Set its values:{shown}"
        )


def _installed(text: str, file: Path, say: Say) -> str:
    """Return the documents that an installation applies; say which hooks there are."""
    kept = []
    for document in _DOCUMENTS.split(text):
        hooks = _hooks(document, file) if _HOOK in document else []
        name = document.strip().partition("\n")[0].removeprefix("# Source: ")
        if hooks and not any(each in _INSTALLING for each in hooks):
            say(f"left out {name}: a hook for {', '.join(hooks)}")
            continue
        if hooks:
            say(f"warning {name} is a hook ({', '.join(hooks)}): it is applied with all else")
        if any(line.strip() and not line.startswith("#") for line in document.split("\n")):
            kept.append(document if document.endswith("\n") else f"{document}\n")
    return "---\n".join(kept)


def _hooks(document: str, file: Path) -> list[str]:
    for item in load_all(document, file):
        metadata = _mapping(_mapping(item).get("metadata"))
        hook = _mapping(metadata.get("annotations")).get(_HOOK)
        if hook is not None and isinstance(hook.value, str):
            return [each.strip() for each in hook.value.split(",")]
    return []


def _namespaced(chart: ChartDocument, text: str, home: Path) -> Iterator[str]:
    """Write a release, in a kustomization that puts it into its namespace; yield what to apply."""
    name, namespace = chart.release, chart.namespace
    directory = home / name
    directory.mkdir()
    (directory / "release.yaml").write_text(text, "utf-8")
    (directory / "namespace-of-release.yaml").write_text(
        "apiVersion: builtin\nkind: NamespaceTransformer\n"
        f"metadata: {{name: release, namespace: {namespace}}}\nunsetOnly: true\n",
        "utf-8",
    )
    lines = ["resources: [release.yaml]", "transformers: [namespace-of-release.yaml]"]
    (directory / "kustomization.yaml").write_text("\n".join(lines) + "\n", "utf-8")
    named = rf"^kind: Namespace$(?:(?!^---).)*^  name: [\"']?{re.escape(namespace)}[\"']?$"
    if namespace != "default" and not re.search(named, text, re.M | re.S):
        file = f"namespace-{namespace}.yaml"
        (home / file).write_text(
            f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}}}\n", "utf-8"
        )
        yield file
    yield name


def _mapping(item: Located | None) -> dict[str, Located]:
    return item.value if item is not None and isinstance(item.value, dict) else {}
