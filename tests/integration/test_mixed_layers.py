"""Layers that are compressed, uncompressed and cached, mixed: skopeo brings those that lack."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from paack.helpers.blobs.blob import digest_of
from paack.helpers.blobs.cache import Cache
from paack.helpers.oci.reference import parse_source
from paack.helpers.progress import Reporter
from paack.helpers.registry.skopeo import Registry as Images
from tests.support.debian import push_multiarch, text_layer
from tests.support.image_directory import Compression, MediaTypes
from tests.support.registry import Registry
from tests.support.traffic import Traffic

#: Of each layer, the base first: how it is compressed, and whether the cache has it already.
Layers = tuple[tuple[Compression, bool], ...]
COMPRESSIONS: dict[MediaTypes, tuple[Compression, ...]] = {
    "oci": ("gzip", "none", "zstd"),
    "docker": ("gzip", "none"),
}
_NUMBERS = count()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("mixed")) as running:
        yield running


def images_at(registry: Registry, cache: Path) -> Images:
    """Return the product's way to the registry, with a cache of its own."""
    return Images(Cache(cache), registry.home, Reporter())


@st.composite
def layers_of(draw: st.DrawFn) -> tuple[MediaTypes, Layers]:
    media_types: MediaTypes = draw(st.sampled_from(["oci", "docker"]))
    layer = st.tuples(st.sampled_from(COMPRESSIONS[media_types]), st.booleans())
    return media_types, tuple(draw(st.lists(layer, min_size=1, max_size=4)))


@example(("docker", (("none", False), ("gzip", True))))
@example(("docker", (("gzip", False), ("none", True), ("none", False))))
@example(("oci", (("none", True), ("zstd", False), ("none", False), ("gzip", True))))
@given(layers_of())
@settings(max_examples=12, suppress_health_check=list(HealthCheck))
def test_what_is_lacking_arrives_as_it_is_in_the_registry(
    registry: Registry, drawn: tuple[MediaTypes, Layers]
) -> None:
    media_types, layers = drawn
    name = f"image{next(_NUMBERS)}"
    with (
        tempfile.TemporaryDirectory(dir=registry.home) as scratch,
        pytest.MonkeyPatch.context() as env,
    ):
        env.setenv("CONTAINERS_REGISTRIES_CONF", str(registry.registries_conf))
        tars = [
            text_layer(Path(scratch) / f"{number}.tar", {name: f"{number}\n" * 500})
            for number in range(len(layers))
        ]
        compressions = [compression for compression, _ in layers]
        push_multiarch(
            registry, name, "1", {"amd64": tars}, compression=compressions, media_types=media_types
        )
        source = parse_source(f"{registry.host}/{name}:1")
        images = images_at(registry, Path(scratch) / "cache")
        (image,) = images.resolve([(source, "x86_64")])
        lacking = set()
        for locked, (_, cached) in zip(image.layers, layers, strict=True):
            if cached:
                blobs = registry.storage / "docker/registry/v2/blobs/sha256"
                value = locked.digest.removeprefix("sha256:")
                images.cache.put((blobs / value[:2] / value / "data").read_bytes())
            else:
                lacking.add(locked.digest)
        traffic = Traffic(registry)
        images.fetch(image, source)
        for locked, (compression, _) in zip(image.layers, layers, strict=True):
            content = images.cache.read(locked.digest)
            assert (digest_of(content), len(content)) == (locked.digest, locked.size)
            assert (locked.digest == locked.diff_id) is (compression == "none")
        sent = traffic.blobs(lacking)
        assert {layer.digest for layer in image.layers if sent[layer.digest]} == lacking
