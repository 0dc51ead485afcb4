"""What decides the bytes of a package and of its store: kept beside each, as buildinfo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from paack.helpers.oci import READING
from paack.helpers.packages import READING as READING_PACKAGES
from paack.helpers.product import digest_of_text, part_identity
from paack.helpers.rpm import LAYOUT as SBOM_LAYOUT
from paack.helpers.rpm import Contents, Spec, rpmbuild_version
from paack.helpers.store import ImageMaker, image_maker, libzstd_version


def store_inputs(maker: ImageMaker, contents: Contents) -> dict[str, object]:
    """Return everything that decides the bytes of the store of ``contents``."""
    return {
        "recipe": maker.recipe,
        "images": [asdict(image) for image in contents.images],
        "layers": [asdict(layer) for layer in contents.layers],
        **({"packs": [each.digest for each in contents.packs]} if contents.packs else {}),
    }


def package_inputs(spec: Spec, contents: Sequence[Contents]) -> dict[str, object]:
    """Return everything that decides the bytes of a package with ``contents`` inside."""
    has_store = any(each.has_store for each in spec.contents)
    makers = [image_maker(spec.package.filesystem)] if has_store else []
    return {
        "spec": digest_of_text(spec.text.encode()),
        "rpm": rpmbuild_version(),
        "libzstd": libzstd_version(),
        "epoch": spec.epoch,
        "sbom": [SBOM_LAYOUT, READING_PACKAGES],
        "reading": READING,
        "recipes": [maker.recipe for maker in makers],
        "images": [asdict(image) for each in contents for image in each.images],
        "sources": {
            source.name: digest_of_text(source.content)
            for each in contents
            for source in spec.sources_of(each.arch)
            if source.content is not None
        },
    }


def identity_of(spec: Spec) -> dict[str, object] | None:
    """Return what alone tells whether a package is there; None: its inputs do."""
    return part_identity(spec.package.name) if spec.package.is_part else None
