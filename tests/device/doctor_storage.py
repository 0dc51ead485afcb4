"""Read-write storage made by hand: records, their files, and what a repair must leave of them."""

from __future__ import annotations

import hashlib
import json
import shutil
from base64 import b32encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st

Record = dict[str, Any]
#: File: the kind of its records. All that containers/storage keeps of a storage.
FILES: Final = {
    "overlay-layers/layers.json": "layer",
    "overlay-layers/volatile-layers.json": "layer",
    "overlay-images/images.json": "image",
    "overlay-containers/containers.json": "container",
    "overlay-containers/volatile-containers.json": "container",
}
_LOCK: Final = "before-the-repair".ljust(64, ".")


@dataclass(frozen=True)
class Storage:
    """The records by file (a key of FILES), in their order."""

    records: Mapping[str, list[Record]]

    def of(self, kind: str) -> list[Record]:
        """Return all records of a kind."""
        return [each for file, records in self.records.items() for each in records
                if FILES[file] == kind]  # fmt: skip

    def write(self, graph: Path) -> None:
        """Write records and files to the directory `graph`, whose content is replaced."""
        shutil.rmtree(graph, ignore_errors=True)
        for kind in ("layer", "image", "container"):
            _put(graph / f"overlay-{kind}s" / f"{kind}s.lock", _LOCK)
            for record in self.of(kind):
                _FILES_OF[kind](graph, record["id"])
        (graph / "overlay" / "l").mkdir(parents=True, exist_ok=True)
        for file, records in self.records.items():
            _put(graph / file, dump(records))

    def missing(self, identifier: str, there: Iterable[str]) -> str:
        """Return the layer that is nowhere of a layer and those below it, or nothing."""
        parents = {each["id"]: each.get("parent", "") for each in self.of("layer")}
        seen: set[str] = set()
        while identifier and identifier not in there and identifier not in seen:
            if identifier not in parents:
                return identifier
            seen.add(identifier)
            identifier = parents[identifier]
        return ""

    def dangling(self, there: Iterable[str]) -> set[tuple[str, str]]:
        """Return the kinds and IDs of all records that need a layer which is nowhere."""
        return {
            (kind, record["id"])
            for kind in ("layer", "image", "container")
            for record in self.of(kind)
            if self.missing(record["id"] if kind == "layer" else record.get("layer", ""), there)
        }

    def of_containers(self, there: Iterable[str]) -> set[tuple[str, str]]:
        """Return of what is dangling the containers, their layers, and images of those layers."""
        dangling = self.dangling(there)
        parents = {each["id"]: each.get("parent", "") for each in self.of("layer")}
        layers: set[str] = set()
        for container in self.of("container"):
            layer = container.get("layer", "")
            while ("container", container["id"]) in dangling and layer in parents.keys() - layers:
                layers.add(layer)
                layer = parents[layer]
        return {
            (kind, record["id"])
            for kind in ("layer", "image", "container")
            for record in self.of(kind)
            if (kind, record["id"]) in dangling
            and (kind == "container" or record["id" if kind == "layer" else "layer"] in layers)
        }

    def without(self, gone: set[tuple[str, str]]) -> Storage:
        """Return the storage without some records."""
        return Storage(
            {
                file: [each for each in records if (FILES[file], each["id"]) not in gone]
                for file, records in self.records.items()
            }
        )


def usual(identifier: str) -> bool:
    """Return whether it is an ID as podman and CRI-O make them."""
    return len(identifier) == 64 and set(identifier) <= set("0123456789abcdef")


def dump(value: object) -> str:
    """Return JSON as Go writes it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def identifier(number: int) -> str:
    """Return a container's, image's or layer's ID."""
    return hashlib.sha256(f"{number}".encode()).hexdigest()


def link_of(layer: str) -> str:
    """Return the short name of a layer."""
    return b32encode(hashlib.sha256(layer.encode()).digest()).decode()[:26]


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _layer_files(graph: Path, identifier: str) -> None:
    home = graph / "overlay" / identifier
    _put(home / "diff" / "file", identifier)
    _put(home / "link", link_of(identifier))
    links = graph / "overlay" / "l"
    links.mkdir(exist_ok=True)
    (links / link_of(identifier)).symlink_to(f"../{identifier}/diff")
    _put(graph / "overlay-layers" / f"{identifier}.tar-split.gz", identifier)
    _put(graph / "overlay-layers" / identifier / "big", identifier)


def _image_files(graph: Path, identifier: str) -> None:
    _put(graph / "overlay-images" / identifier / "manifest", "{}")


def _container_files(graph: Path, identifier: str) -> None:
    _put(graph / "overlay-containers" / identifier / "userdata" / "config.json", "{}")


_FILES_OF = {"layer": _layer_files, "image": _image_files, "container": _container_files}


@st.composite
def storages(draw: st.DrawFn, layers: list[str], strange: list[str]) -> Storage:
    """Draw a storage whose records have a few IDs in common, of each other and of `layers`."""
    own = [identifier(number) for number in range(8)]
    ids = st.sampled_from(own + strange)
    needed = st.sampled_from([*own, *strange, *layers, identifier(98), identifier(99)])
    texts = st.text(st.characters(codec="utf-8"), max_size=8)
    names = st.lists(texts, max_size=2)

    def record(kind: str) -> st.SearchStrategy[Record]:
        metadata = st.dictionaries(texts, texts | st.integers() | st.none(), max_size=2).map(dump)
        optional: dict[str, st.SearchStrategy[Any]] = {
            "names": names,
            "metadata": metadata,
            "flags": st.dictionaries(
                texts, st.none() | st.booleans() | st.floats(0, 1), max_size=2
            ),
            "uidset": st.lists(st.integers(0, 2**32), max_size=3),
        }
        needs = {"parent" if kind == "layer" else "layer": needed}
        if kind == "container":
            return st.fixed_dictionaries({"id": ids, "image": ids, **needs}, optional=optional)
        return st.fixed_dictionaries({"id": ids}, optional={**needs, **optional})

    seen: set[tuple[str, str]] = set()
    records: dict[str, list[Record]] = {}
    for file, kind in FILES.items():
        drawn = draw(st.lists(record(kind), max_size=4))
        records[file] = []
        for each in drawn:
            if (kind, each["id"]) not in seen:
                seen.add((kind, each["id"]))
                records[file].append(each)
    return Storage(records)
