"""The format of an image set: ``microshift-images/NAME.yaml``, one file of our own for each set.

docs/microshift.md explains the keys. helpers/microshift/release_import.py writes these files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass

import yaml

from paack.helpers.document import Text, key
from paack.helpers.microshift.release_images import ARCHES, ReleaseFile

SUFFIX = ".yaml"
RELEASE = r"[A-Za-z0-9._+~^]+"
RELEASE_HINT = "letters, digits and . _ + ~ ^; no dash"
ON_REQUEST = "on-request"
_VERSION = r"[0-9][A-Za-z0-9._+~^]*"
_HEAD = "# Made by paack microshift.import; what the keys mean: docs/microshift.md\n"


@dataclass(frozen=True)
class AddDocument:
    """An image that the component needs and its release does not name."""

    reason: str = key("Why", required=True, default="")
    images: Mapping[str, Text] = key("Its reference by arch", required=True, default={})
    line: int = 0


@dataclass(frozen=True)
class OmitDocument:
    """An image of the release that the set leaves out."""

    reason: str = key("Why", required=True, default="")
    arches: tuple[str, ...] = key("For which arches; all when left out", choices=ARCHES, default=())
    line: int = 0


@dataclass(frozen=True)
class ComponentDocument:
    """The core or an optional component."""

    base: Mapping[str, str] = key("The build that it was made from, by arch", default={})
    origin: Mapping[str, str] = key("Where its images were read, by arch", default={})
    tags: str | None = key("Images may have a tag and no digest", choices=(ON_REQUEST,))
    images: Mapping[str, Mapping[str, Text]] = key(
        "References by arch and name", required=True, default={}
    )
    add: Mapping[str, AddDocument] = key("Images that are added", default={})
    omit: Mapping[str, OmitDocument] = key("Images that are left out", default={})
    needs: Mapping[str, Text] = key("Images that its pods need, by name: which pod", default={})
    line: int = 0


@dataclass(frozen=True)
class SetDocument:
    """The whole file."""

    name: str = key("What MicroShift calls the release", required=True, default="")
    version: str = key(
        "RPM version of the package microshift", required=True, pattern=_VERSION,
        hint="as rpm -q microshift --qf %{VERSION} prints it", default="",
    )  # fmt: skip
    release: str = key(
        "RPM release of our packages", pattern=RELEASE, hint=RELEASE_HINT, default="1"
    )
    date: str | None = key(
        "When the release was built", pattern=r"\d{4}-\d\d-\d\d", hint="as in 2026-07-24"
    )
    license: str = key("Licence of MicroShift", default="Apache-2.0")
    url: str | None = key("Home page", pattern=r"https://\S+")
    registries: tuple[str, ...] = key("All that images may come from", required=True, default=())
    pull_secret: tuple[str, ...] = key("Those that want OpenShift's pull secret", default=())
    components: Mapping[str, ComponentDocument] = key(
        "The core and the optional components", required=True, default={}
    )
    excluded: Mapping[str, str] = key("Components that are not offered: why", default={})
    line: int = 0


def dump_set(document: SetDocument) -> str:
    """Return a set as its file has it: keys in the order of the format, empty ones left out."""
    plain = _plain(document)
    return _HEAD + yaml.safe_dump(plain, sort_keys=False, width=1000, allow_unicode=True)


def component_of(files: Sequence[ReleaseFile], origins: dict[str, str]) -> ComponentDocument:
    """Return a component as its release files have it; ``origins`` are by a file's name."""
    ordered = sorted(files, key=lambda each: ARCHES.index(each.arch))
    return ComponentDocument(
        base={each.arch: each.base for each in ordered if each.base},
        origin={each.arch: origins[each.file.name] for each in ordered},
        images={
            each.arch: {image.name: Text(image.source.text, image.line) for image in each.images}
            for each in ordered
        },
    )


def _plain(value: object) -> object:
    if is_dataclass(value):
        found = {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
        return {name: each for name, each in found.items() if each and name != "line"}
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, str) else value
