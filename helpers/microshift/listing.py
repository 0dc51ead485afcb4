"""What sets there are, for people: version, age, components."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from paack.helpers.errors import DefinitionError
from paack.helpers.microshift.image_set import ImageSet, load_set, set_files
from paack.helpers.microshift.microshift import on_request
from paack.helpers.progress import count


def list_sets(sets: Path, today: date) -> list[str]:
    """Return a line for each set, the oldest version first, and remarks about them."""
    lines = []
    for name, file in set_files(sets).items():
        try:
            lines += _lines(load_set(file), today)
        except DefinitionError as error:
            lines.append(f"{name}: cannot be used: {str(error).splitlines()[0]}")
    return lines or [f"no set in {sets}/"]


def _lines(images: ImageSet, today: date) -> list[str]:
    document = images.document
    built = document.date
    age = f"{built}, {count((today - date.fromisoformat(built)).days, 'day')} old" if built else "?"
    named = f" (RPM {images.version})" if images.version != images.name else ""
    secret = "pull secret" if document.pull_secret else "public"
    lines = [f"{images.name}{named}: {age}, {secret}"]
    asked = on_request(images)
    parts = [_counted(images, each) for each in images.components if each not in asked]
    lines.append(f"  {', '.join(parts)}")
    lines += [f"  on request: {_counted(images, component)}" for component in asked]
    lines += [f"  left out: {name}: {reason}" for name, reason in document.excluded.items()]
    return lines


def _counted(images: ImageSet, component: str) -> str:
    files = images.components[component]
    only = f" ({next(iter(files))})" if len(files) == 1 else ""
    loose = [
        f"{sum(image.source.reference.digest is None for image in file.images)} for {arch}"
        for arch, file in files.items()
    ]
    tags = f": by tag only {', '.join(loose)}" if images.by_tag(component) else ""
    return f"{component} {len(next(iter(files.values())).images)}{only}{tags}"
