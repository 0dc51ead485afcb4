"""Kustomizations: which directories are rendered, and where in them an image comes from.

The rendering is kustomize's own (``kustomize build`` or ``kubectl kustomize``), kept from the
network: what a device gets is in the package.
"""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.document import Located, load_all
from paack.helpers.errors import DefinitionError, Place, ToolError
from paack.helpers.kubernetes.images import full_name
from paack.helpers.run import run

FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_OTHERS = ("resources", "bases", "components")
_LONGEST_PATH = 255
#: A proxy that nothing listens to, and no transport for git: a render cannot reach out.
NO_NETWORK = {
    **dict.fromkeys(
        ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"
    ),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), ""),
    "GIT_ALLOW_PROTOCOL": "none",
}
# How log lines begin: klog's header (kubectl) and its "command failed", Go's log, cobra's "Error:".
_LOG_HEADER = re.compile(
    r"^(?:[IWEF]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ [^ \]]+:\d+\] |"
    r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d |[Ee]rror: )",
    re.M,
)
_KLOG_ERROR = re.compile(
    r'^"command failed" err=(?:<\n((?:\t.*\n)*) >|("(?:[^"\\\n]|\\.)*"))$', re.M
)


@dataclass(frozen=True)
class Kustomization:
    """A directory with a kustomization file; ``uses`` are the directories that it builds on.

    ``files`` are those that it names: resources, patches, what generators read.
    """

    directory: Path
    file: Path
    document: Located
    uses: tuple[Path, ...] = ()
    problems: tuple[DefinitionError, ...] = ()
    files: tuple[Path, ...] = ()

    @property
    def is_part(self) -> bool:
        """Whether it is a Component, which means nothing on its own."""
        keys = self.document.value if isinstance(self.document.value, dict) else {}
        return "kind" in keys and keys["kind"].value == "Component"


def kustomization_file(directory: Path) -> Path | None:
    """Return the kustomization of a directory, if it has one."""
    return next((directory / name for name in FILES if (directory / name).is_file()), None)


def read_kustomization(file: Path) -> Kustomization:
    """Read a kustomization; raise DefinitionError for what is not one."""
    documents = load_all(file.read_text("utf-8"), file)
    document = documents[0] if documents else Located({}, 1)
    if not isinstance(document.value, dict):
        raise DefinitionError("a kustomization must be a mapping", place=Place(file, document.line))
    uses: list[Path] = []
    problems: list[DefinitionError] = []
    for key in _OTHERS:
        for item in _items(document, key):
            path = file.parent / str(item.value)
            if path.is_dir():
                uses.append(path.resolve())
            elif not path.is_file():
                problems.append(_missing(str(item.value), Place(file, item.line)))
    files = tuple(dict.fromkeys(_files(document, file.parent)))
    return Kustomization(file.parent, file, document, tuple(uses), tuple(problems), files)


def render(directory: Path) -> str:
    """Return the objects of a kustomization; raise DefinitionError when kustomize cannot."""
    program = shutil.which("kustomize"), shutil.which("kubectl")
    if not any(program):
        raise ToolError(
            f"{directory}: neither kustomize nor kubectl is there to render it",
            hint="install one of them: apt-get install kubernetes-client | "
            "dnf install kubernetes-client",
        )
    command = ["kustomize", "build"] if program[0] else ["kubectl", "kustomize"]
    result = run([*command, str(directory)], env=NO_NETWORK, check=False, quiet=True)
    if result.status != 0:
        raise DefinitionError(
            f"cannot be rendered: {error_text(result.stderr) or result.explain()}",
            place=Place(kustomization_file(directory) or directory),
            hint=f"try: {' '.join(command)} {directory}",
        )
    return result.stdout.decode("utf-8", "replace")


def error_text(stderr: str) -> str:
    """Return all that kustomize or kubectl wrote, without what their logs put around it.

    More than one line begins on a line of its own.
    """

    def plain(error: re.Match[str]) -> str:
        block, quoted = error.groups()
        return block.replace("\n\t", "\n")[1:].rstrip() if quoted is None else _unquoted(quoted)

    text = _KLOG_ERROR.sub(plain, _LOG_HEADER.sub("", stderr)).strip()
    return "".join(f"\n  | {line}" for line in text.splitlines()) if "\n" in text else text


def transformed(kustomization: Kustomization) -> Iterator[tuple[str, str | None, str | None, int]]:
    """Yield (repository, tag, digest, line) of what an ``images`` entry makes of an image."""
    for entry in _items(kustomization.document, "images"):
        keys = entry.value if isinstance(entry.value, dict) else {}
        texts = {key: str(each.value) for key, each in keys.items() if each.value is not None}
        name = full_name(texts.get("newName") or texts.get("name", ""))
        if name:
            yield name.repo, texts.get("newTag"), texts.get("digest"), entry.line


def _unquoted(text: str) -> str:
    """Return what a string that Go quoted holds (its escapes are all among Python's)."""
    return str(ast.literal_eval(text))


def _items(document: Located, key: str) -> list[Located]:
    found = document.value.get(key) if isinstance(document.value, dict) else None
    return found.value if found and isinstance(found.value, list) else []


def _files(item: Located, directory: Path) -> Iterator[Path]:
    """Yield the files that texts at or below ``item`` name; a generator may write KEY=FILE."""
    if isinstance(item.value, dict):
        for each in item.value.values():
            yield from _files(each, directory)
    elif isinstance(item.value, list):
        for each in item.value:
            yield from _files(each, directory)
    elif item.value and len(item.value) < _LONGEST_PATH and "\n" not in item.value:
        for name in dict.fromkeys((item.value, item.value.partition("=")[2])):
            if name and "\0" not in name and (directory / name).is_file():
                yield directory / name


def _missing(name: str, place: Place) -> DefinitionError:
    remote = "://" in name or "?ref=" in name or name.startswith(("git@", "github.com/"))
    return DefinitionError(
        f"{name} is elsewhere: a device without a network cannot get it"
        if remote
        else f"{name} does not exist",
        place=place,
        hint="put a copy beside this file, and name that" if remote else "correct the path",
    )
