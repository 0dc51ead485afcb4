"""A copy of manifests for kustomize to render, in which definitions of resources have no schemas.

kustomize takes seconds, and hundreds of megabytes, for what names no image.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paack.helpers.kubernetes.crds import without_schemas

_GAIN = 100_000


@contextmanager
def slim_copy(directory: Path, files: list[Path]) -> Iterator[Path | None]:
    """Yield a copy of ``directory``, whose ``files`` may hold objects; None for too little gain.

    Links are not copied, so what is rendered from it may fail where ``directory`` would not.
    """
    slim: dict[Path, str] = {}
    gain = 0
    for file in files:
        if file.stat().st_size > _GAIN // 10:
            text = file.read_text("utf-8", "replace")
            shorter = without_schemas(text)
            if shorter is not text:
                slim[file] = shorter
                gain += len(text) - len(shorter)
    if gain < _GAIN:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="paack-manifests-") as scratch:
        copy = Path(scratch)
        for path in directory.rglob("*"):
            if path.is_symlink() or not path.is_file():
                continue
            target = copy / path.relative_to(directory)
            target.parent.mkdir(parents=True, exist_ok=True)
            if path in slim:
                target.write_text(slim[path], "utf-8")
            else:
                shutil.copyfile(path, target)
        yield copy
