"""The files that manifests are made of: each is read once, and tells where an image is written."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from paack.helpers.definition import MANIFEST_SUFFIXES
from paack.helpers.errors import DefinitionError, PaackError, Place
from paack.helpers.kubernetes.images import ImageUse, all_images_of, full_name, read_objects
from paack.helpers.kubernetes.kustomize import Kustomization, transformed

ImagePaths = tuple[tuple[str, str], ...]


@dataclass
class Sources:
    """Reads each file of manifests once."""

    _uses: dict[tuple[Path, ImagePaths], list[ImageUse] | PaackError] = field(default_factory=dict)

    def uses(self, file: Path, more: ImagePaths) -> list[ImageUse]:
        """Return the images that a file names; raise PaackError when it cannot be read."""
        key = (file.resolve(), more)
        if key not in self._uses:
            try:
                objects = read_objects(file.read_text("utf-8"), file)
                self._uses[key] = [
                    use for item in objects for use in all_images_of(item, file, more)
                ]
            except (DefinitionError, OSError, ValueError) as error:
                self._uses[key] = problem_at(error, file)
        found = self._uses[key]
        if isinstance(found, PaackError):
            raise found
        return found


@dataclass(frozen=True)
class Reading:
    """How manifests are read: ``more`` places of images; ``warnings`` take what versions name."""

    sources: Sources = field(default_factory=Sources)
    more: ImagePaths = ()
    warnings: list[DefinitionError] = field(default_factory=list)

    def uses(self, file: Path) -> list[ImageUse]:
        """Return the images that a file names; raise PaackError when it cannot be read."""
        return self.sources.uses(file, self.more)


class Places:
    """Tells which line of the sources of a kustomization an image of the outcome is from."""

    def __init__(self, parts: list[Kustomization], reading: Reading, images: set[str]):
        self._parts = parts
        self._reading = reading
        self._images = images

    @cached_property
    def _transformed(self) -> list[tuple[Place, str, str | None, str | None]]:
        return [
            (Place(part.file, line), repo, tag, digest)
            for part in self._parts
            for repo, tag, digest, line in transformed(part)
        ]

    @cached_property
    def uses(self) -> list[ImageUse]:
        """What the files say, before anything is rendered."""
        return self._uses_in(self._files)

    @cached_property
    def _files(self) -> list[Path]:
        files = (file for part in self._parts for file in (part.file, *part.files))
        return [file for file in dict.fromkeys(files) if file.suffix in MANIFEST_SUFFIXES]

    def _uses_in(self, files: Iterable[Path]) -> list[ImageUse]:
        found: list[ImageUse] = []
        for file in files:
            with suppress(PaackError):
                found += self._reading.uses(file)
        return found

    def _names_one(self, file: Path) -> bool:
        """Tell whether a file is worth to be read: it has an image of the outcome in its text."""
        try:
            text = file.read_text("utf-8")
        except (OSError, ValueError):
            return False
        return any(image in text for image in self._images)

    @cached_property
    def _written(self) -> dict[tuple[str, str], Place]:
        written: dict[tuple[str, str], Place] = {}
        for use in self._uses_in(filter(self._names_one, self._files)):
            written.setdefault((use.image, use.where), use.place)
            written.setdefault((use.image, ""), use.place)
        return written

    def of(self, use: ImageUse) -> Place | None:
        """Return the place of an image: where it is written, else where it is put."""
        written, image = self._written, use.image
        return written.get((image, use.where)) or self._by(use) or written.get((image, ""))

    def _by(self, use: ImageUse) -> Place | None:
        name = full_name(use.image)
        for place, repo, tag, digest in self._transformed:
            if name and name.repo == repo and (tag or digest) in (None, name.tag, name.digest):
                return place
        return None


def problem_at(error: Exception, file: Path) -> PaackError:
    """Return an error of reading a file as one of ours."""
    if isinstance(error, PaackError):
        return error
    return DefinitionError(f"cannot be read: {error}", place=Place(file), hint="save it as UTF-8")
