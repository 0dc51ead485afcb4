"""Copies of kustomizations for rendering, without the schemas of CustomResourceDefinitions.

On such schemas, which name no image, kustomize spends seconds and hundreds of megabytes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from paack.helpers.kubernetes.crds import without_schemas

_GAIN = 100_000


@contextmanager
def slim_copy(directory: Path, files: Sequence[Path]) -> Iterator[Path | None]:
    """Yield a copy of those ``files`` that are below ``directory``; None for too little gain.

    Links are not copied, so what is rendered from it may fail where ``directory`` would not.
    """
    slim: dict[Path, str] = {}
    gain = 0
    top = directory.resolve()
    inside = {file: file.resolve() for file in files if not file.is_symlink()}
    inside = {file: path for file, path in inside.items() if path.is_relative_to(top)}
    for file in inside:
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
        for file, path in inside.items():
            target = Path(scratch) / path.relative_to(top)
            target.parent.mkdir(parents=True, exist_ok=True)
            if file in slim:
                target.write_text(slim[file], "utf-8")
            else:
                shutil.copyfile(file, target)
        yield Path(scratch)
