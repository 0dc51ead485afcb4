"""The task that removes what was made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from paack.commands.command import OUTPUT, command


@command(
    help={
        "cache": "Remove the cache, too: all images are fetched again",
        "dry-run": "Only say what can go, and where the bytes are",
        "output": OUTPUT.replace("Where results go", "What to remove"),
    }
)
def clean(_: Any, cache: bool = False, dry_run: bool = False, output: str | None = None) -> None:
    """Remove what is in _output; say where the bytes are, there and in the cache."""
    from paack.helpers.blobs.cache import default_cache
    from paack.helpers.clean import CACHE, parts, remove
    from paack.helpers.progress import human

    directory = Path(output or "_output")
    some = parts(directory, default_cache().root)
    gone = [part for part in some if cache or part.what != CACHE]
    for part in some:
        print(part if part in gone else f"{part} (stays: --cache)")
    if not dry_run:
        remove(directory, gone)
    word = "can go" if dry_run else "removed"
    print(f"{human(sum(part.size for part in gone)):>10}  {word}")
