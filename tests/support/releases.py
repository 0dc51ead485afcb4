"""Two images that share their base layer, and the stores of several releases of a package."""

from dataclasses import dataclass
from pathlib import Path

from paack.helpers.lock.lock import read_lock
from tests.support.debian import busybox_rootfs, push_multiarch, text_layer
from tests.support.image_directory import Digests
from tests.support.layer_ids import make_unsalted
from tests.support.product import Paack, definition_text, store_image, unpack_rpm
from tests.support.registry import Registry


@dataclass(frozen=True)
class Images:
    """The references of `app` and `other`, which say so in /etc/motd, and their digests."""

    app: str
    other: str
    digests: dict[str, Digests]


@dataclass(frozen=True)
class Stores:
    """Store images: with `app`; of the next release, with both; of one without `app`.

    `unsalted` has `app` under the layer IDs that podman itself would choose.
    """

    app: Path
    both: Path
    other: Path
    unsalted: Path


def push_images(registry: Registry, base: Path) -> Images:
    """Push both images; layers are written to the directory `base`."""
    digests = {}
    for name in ("app", "other"):
        layers = [
            busybox_rootfs("amd64"),
            text_layer(base / f"{name}.tar", {"etc/motd": f"{name}\n"}),
        ]
        digests[name] = push_multiarch(registry, name, "1", {"amd64": layers})
    return Images(f"{registry.host}/app:1", f"{registry.host}/other:1", digests)


def build_stores(registry: Registry, base: Path, images: Images) -> Stores:
    """Build an RPM of each release and take the store images out."""
    paack = Paack(base, registry.registries_conf)

    def build(name: str, *wanted: str) -> Path:
        definition = paack.define(definition_text(name, wanted), f"{name}.yaml")
        (rpm,) = paack.build(definition)
        return store_image(unpack_rpm(rpm, base / name))

    app = build("app", images.app)
    lock = read_lock(base / "app.lock.yaml")
    assert lock is not None
    return Stores(
        app=app,
        both=build("both", images.app, images.other),
        other=build("other", images.other),
        unsalted=make_unsalted(base / "unsalted.squashfs", lock, paack.cache),
    )
