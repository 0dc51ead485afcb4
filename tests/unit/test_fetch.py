"""Which image is fetched when: together, after another one, or not at all."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from paack.helpers.blobs.cache import Cache
from paack.helpers.errors import RegistryError
from paack.helpers.oci.chain import StoredLayer, stored_layers
from paack.helpers.oci.locked import LockedImage, LockedLayer
from paack.helpers.oci.reference import Source, parse_source
from paack.helpers.progress import Reporter
from paack.helpers.registry.fetch import fetch_images, to_fetch
from paack.helpers.registry.skopeo import Registry
from tests.unit.images import put_image, small_layer

_SECONDS = 30.0


@dataclass(frozen=True)
class Recording(Registry):
    """Notes what is fetched; images named ``together`` wait until both are under way."""

    begun: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    together: threading.Barrier = field(default_factory=lambda: threading.Barrier(2))

    def fetch(self, image: LockedImage, source: Source) -> None:
        """Fetch nothing."""
        assert image.source == source.text
        self.begun.append(source.text)
        if "bad" in source.text:
            raise RegistryError(f"{source.text} is bad", hint="none")
        if "together" in source.text:
            self.together.wait(_SECONDS)
        self.ended.append(source.text)


@pytest.fixture
def registry(tmp_path: Path) -> Recording:
    """A registry that fetches nothing."""
    return Recording(Cache(tmp_path), tmp_path, Reporter())


def image(name: str, *layers: str) -> tuple[LockedImage, Source]:
    """Return an image of these layers, and its source."""
    source = parse_source(f"registry.example/{name}:1")
    digests = [f"sha256:{layer * 64}" for layer in layers]
    locked = LockedImage(
        source=source.text,
        arch="x86_64",
        names=(source.text,),
        list=None,
        manifest=f"sha256:{'0' * 64}",
        config=f"sha256:{'1' * 64}",
        created="2026-01-01T00:00:00Z",
        layers=tuple(LockedLayer(digest, 1, digest) for digest in digests),
    )
    return locked, source


def named(texts: list[str]) -> list[str]:
    return [text.removeprefix("registry.example/").removesuffix(":1") for text in texts]


def test_images_without_common_layers_are_fetched_together(registry: Recording) -> None:
    fetch_images(registry, [image("together-1", "a"), image("together-2", "b")])
    assert sorted(named(registry.ended)) == ["together-1", "together-2"]


def test_an_image_waits_for_the_one_that_brings_its_layer(registry: Recording) -> None:
    names = ["together-1", "after-1", "together-2"]
    wanted = [image(name, *layers) for name, layers in zip(names, ("ab", "bc", "d"), strict=True)]
    fetch_images(registry, wanted)
    ended = named(registry.ended)
    assert ended.index("together-1") < ended.index("after-1")
    assert len(ended) == 3


def test_images_of_one_base_are_fetched_together_when_it_is_there(registry: Recording) -> None:
    fetch_images(
        registry, [image("base", "a"), image("together-1", "a", "b"), image("together-2", "a", "c")]
    )
    assert named(registry.ended)[0] == "base"


def test_any_number_that_wait(registry: Recording) -> None:
    fetch_images(registry, [image(f"each-{number}", "a") for number in range(50)])
    assert named(registry.ended) == [f"each-{number}" for number in range(50)]


def test_the_first_that_fails_is_told(registry: Recording) -> None:
    wanted = [image("bad-1", "a"), image("after", *"ab"), image("bad-2", "c")]
    with pytest.raises(RegistryError, match="bad-1"):
        fetch_images(registry, wanted)
    assert "after" not in named(registry.begun)


def test_only_what_a_store_needs_is_fetched(tmp_path: Path) -> None:
    """An image comes whole when it brings a layer that is lacking, else without layers."""
    cache = Cache(tmp_path / "cache")
    one = put_image(cache, "quay.io/a/one:1", [small_layer("base"), small_layer("one")])
    two = put_image(cache, "quay.io/a/two:1", [small_layer("base"), small_layer("two")])
    base, top_of_one, top_of_two = stored_layers_by_depth([one, two])
    bare = [replace(image, layers=()) for image in (one, two)]
    assert to_fetch([one, two], [base, top_of_one, top_of_two], cache) == [one, two]
    assert to_fetch([one, two], [], cache) == bare
    assert to_fetch([one, two], [base, top_of_one], cache) == [one, bare[1]]
    cache.path(base.locked.digest).unlink()
    assert to_fetch([one, two], [base], cache) == [one, bare[1]]
    assert to_fetch([one, two], [top_of_two], cache) == bare
    cache.path(top_of_two.locked.digest).unlink()
    assert to_fetch([one, two], [base, top_of_two], cache) == [one, two]


def stored_layers_by_depth(images: list[LockedImage]) -> list[StoredLayer]:
    order = [layer.digest for image in images for layer in image.layers]
    return sorted(stored_layers(images), key=lambda each: order.index(each.locked.digest))
