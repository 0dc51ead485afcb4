"""Adding images to a definition as a person would: every other character stays as it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from paack.helpers.definition.definition import read_definition
from paack.helpers.errors import DefinitionError, Place, UsageError
from paack.helpers.workspace import workspace


@dataclass(frozen=True, slots=True)
class Addition:
    """An image for a package, for these RPM arches."""

    package: str
    image: str
    arches: tuple[str, ...]


def add_images(file: Path, additions: list[Addition]) -> None:
    """Write the images into the definition; it appears by rename.

    Raises UsageError, and leaves the file alone, when the text cannot be edited safely.
    """
    text = file.read_bytes().decode("utf-8")
    for addition in additions:
        for arch in addition.arches:
            text = _add(text, file, addition, arch)
    with workspace(file.with_name(f".{file.name}.work")) as work:
        scratch = work / file.name
        scratch.write_bytes(text.encode("utf-8"))
        _check(scratch, file, additions)
        scratch.chmod(file.stat().st_mode)
        scratch.rename(file)


def _add(text: str, file: Path, addition: Addition, arch: str) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    home = _home(root, addition.package, arch) if root else None
    if home is None:
        raise _by_hand(file, addition)
    images = _get(home, "images")
    if isinstance(images, yaml.SequenceNode):
        if addition.image in _scalars(images):
            return text  # of another arch that shares the list
        if images.flow_style:
            return _into_flow(text, images, addition.image)
        column = images.start_mark.column
        return _after(text, _end(images.value[-1]), f"{' ' * column}- {addition.image}")
    if home.flow_style or (images is not None and images.tag != "tag:yaml.org,2002:null"):
        raise _by_hand(file, addition)
    margin = " " * home.value[0][0].start_mark.column
    if images is not None:
        line = images.start_mark.line
        return _after(text, line, f"{margin}  - {addition.image}")
    lines = f"{margin}images:\n{margin}  - {addition.image}"
    return _after(text, _end(home), lines)


def _home(root: yaml.Node, package: str, arch: str) -> yaml.MappingNode | None:
    """Return the mapping that has the images of a package for an arch."""
    packages = _get(root, "packages")
    for node in packages.value if isinstance(packages, yaml.SequenceNode) else [root]:
        name = _get(node, "name")
        if isinstance(node, yaml.MappingNode) and name is not None and name.value == package:
            entries = _get(node, "arch")
            if not isinstance(entries, yaml.SequenceNode):
                return node
            for entry in entries.value:
                arch_name = _get(entry, "name")
                if isinstance(entry, yaml.MappingNode) and arch_name and arch_name.value == arch:
                    return entry
    return None


def _into_flow(text: str, images: yaml.SequenceNode, image: str) -> str:
    bracket = images.end_mark.index - 1
    before = text[:bracket].rstrip()
    blank = text[len(before) : bracket]
    comma = "" if before.endswith(("[", ",")) else ","
    space = "" if before.endswith("[") else " "
    return f"{before}{comma}{space}{image}{blank}{text[bracket:]}"


def _after(text: str, line: int, lines: str) -> str:
    """Insert lines after line number ``line`` (from 0), with the file's own line ends."""
    parts = re.split(r"(?<=\n)", text)
    end = "\r\n" if parts[0].endswith("\r\n") else "\n"
    if not parts[line].endswith("\n"):
        parts[line] += end
    parts.insert(line + 1, lines.replace("\n", end) + end)
    return "".join(parts)


def _end(node: yaml.Node) -> int:
    """Return the line of the last character; a block's own end is after blanks and comments."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return max(_end(node.value[-1][0]), _end(node.value[-1][1]))
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _end(node.value[-1])
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return int(node.end_mark.line) - 1
    return int(node.end_mark.line)


def _get(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    found: list[yaml.Node] = [value for name, value in node.value if name.value == key]
    return found[0] if found else None


def _scalars(node: yaml.SequenceNode) -> set[str]:
    return {item.value for item in node.value if isinstance(item, yaml.ScalarNode)}


def _check(scratch: Path, file: Path, additions: list[Addition]) -> None:
    try:
        definition, _ = read_definition(scratch)
    except DefinitionError as error:
        raise _by_hand(file, additions[0]) from error
    packaged = {
        (package.name, arch.name, image.source.text)
        for package in definition.packages
        for arch in package.arches
        for image in arch.images
    }
    for addition in additions:
        for arch in addition.arches:
            if (addition.package, arch, addition.image) not in packaged:
                raise _by_hand(file, addition)


def _by_hand(file: Path, addition: Addition) -> UsageError:
    return UsageError(
        f"the text cannot be edited safely: add {addition.image} by hand",
        place=Place(file),
        hint=f"to the images of {addition.package} for {', '.join(addition.arches)}",
    )
