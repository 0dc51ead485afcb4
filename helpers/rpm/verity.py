"""The files of a package whose store is verified when it is read: hash tree and mount options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from paack.helpers.rpm.device import verity_options
from paack.helpers.rpm.spec import Spec
from paack.helpers.rpm.unpacked import UnpackedRpm
from paack.helpers.store import hash_tree


def verity_sources(
    spec: Spec, arch: str, sources: Mapping[str, Path | bytes]
) -> dict[str, Path | bytes]:
    """Return the sources of kind "verity" of one arch, whose store is in ``sources``."""
    of_arch = [source for source in spec.sources_of(arch) if source.kind in ("store", "verity")]
    (store,) = (source for source in of_arch if source.kind == "store")
    if of_arch[1].name in sources:
        return {}
    image = sources[store.name]
    assert isinstance(image, Path)
    tree = hash_tree(image, spec.package.name)
    options = verity_options(store.path, tree.root)
    return {of_arch[1].name: tree.content, of_arch[2].name: options}


def verity_problems(package: UnpackedRpm) -> Iterator[tuple[str, str]]:
    """Yield (file, what) where tree and options of an RPM are not those of its store."""
    if not package.tree.exists() and not package.options.exists():
        return
    tree = hash_tree(package.store, package.name)
    wanted = {
        package.tree: tree.content,
        package.options: verity_options(package.store_path, tree.root),
    }
    for file, content in wanted.items():
        if not file.exists():
            yield file.name, "is missing"
        elif file.read_bytes() != content:
            yield file.name, "is not that of the store"
