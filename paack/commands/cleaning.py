"""The tasks that remove what was made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from paack.commands.command import OUTPUT, command


@command(
    help={
        "cache": "Remove the cache, too: all images are fetched again",
        "dry-run": "Only show what can be removed, and how large it is",
        "output": OUTPUT.replace("Where results go", "What to remove"),
    }
)
def clean(_: Any, cache: bool = False, dry_run: bool = False, output: str | None = None) -> None:
    """Remove what is in _output; show how large its parts and the cache are."""
    from paack.helpers.blobs import default_cache
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


@command(
    help={
        "days": "Remove what no build has used for so many days (default: 30)",
        "dry-run": "Only show what would be removed, and how large it is",
    }
)
def cache_prune(_: Any, days: int = 30, dry_run: bool = False) -> None:
    """Remove from the cache what no build has used for a while; show how large it is, by kind."""
    import time

    from paack.helpers.blobs import default_cache, remove, unused
    from paack.helpers.errors import UsageError
    from paack.helpers.progress import count, human

    if days < 0:
        raise UsageError(f"--days {days}: not a number of days", hint="--days 30")
    cache = default_cache()
    kinds = unused(cache, time.time() - days * 86_400)
    for kind in kinds:
        stay = f"{count(kind.stay, 'file')} stay ({human(kind.stay_size)})"
        print(f"{human(kind.gone_size):>10}  {kind.what}: {len(kind.gone)} can go, {stay}")
    if not dry_run:
        remove(kinds)
    word = "can go" if dry_run else "removed"
    print(f"{human(sum(kind.gone_size for kind in kinds)):>10}  {word} from {cache.root}")
