"""The names that images get in stores: each once in a package, and one for each source.

A lock has one entry for a source, with the names that the definition gives it.
"""

from __future__ import annotations

from collections.abc import Iterable

from paack.helpers.document import Problems
from paack.helpers.oci import Reference, Source


def check_once(
    reference: Reference, seen: dict[str, int], path: str, line: int, problems: Problems
) -> None:
    """Note a name that comes twice in a package; ``seen`` has the lines of those before it."""
    # A tag is a name in the store, whether a digest pins it or not.
    name = f"{reference.repo}:{reference.tag}" if reference.tag else str(reference)
    if name in seen:
        message = f"{path}: {name} is listed twice (line {seen[name]})"
        problems.add(line, message, "remove one of them")
    seen[name] = line


def check_names(images: Iterable[tuple[str, Source, int]], problems: Problems) -> None:
    """Note each source that another line gives another name; ``images`` are arch, source, line."""
    seen: dict[tuple[str, str], tuple[Reference, int]] = {}
    told = set()
    for arch, source, line in images:
        first, where = seen.setdefault((source.text, arch), (source.reference, line))
        if source.reference != first and line not in told:
            told.add(line)
            problems.add(
                line,
                f"{source.text} is {source.reference} here, and {first} in line {where}",
                "give it one name; for two names write two sources: copy the image, or write "
                "docker:// in front of one",
            )
