"""Store images on a podman host: mounted, and listed as additional image stores."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.support.podman import Podman

RUN = Path("/run/paack")
WHERE = RUN / "store"


class AdditionalStore:
    """The store in the file `image` on the host of `podman`, at WHERE."""

    def __init__(self, podman: Podman, image: Path, filesystem: str = "squashfs") -> None:
        self._podman = podman
        self._filesystem = filesystem
        podman.mount_image(image, WHERE, filesystem)
        podman.use_stores([WHERE])

    @classmethod
    @contextmanager
    def of(cls, podman: Podman, image: Path, filesystem: str = "squashfs") -> Iterator[Self]:
        """List the store for the time of a `with` block."""
        store = cls(podman, image, filesystem)
        try:
            yield store
        finally:
            store.erase()

    def upgrade(self, image: Path) -> None:
        """Mount `image` in its place, as the upgrade of an RPM does; it stays listed."""
        self._podman.umount(WHERE)
        self._podman.mount_image(image, WHERE, self._filesystem)

    def erase(self) -> None:
        """Take the store away, as the erasure of an RPM does: first out of the list."""
        self._podman.use_stores([])
        self._podman.umount(WHERE)


class AdditionalStores:
    """Any number of stores on the host of `podman`, each below RUN."""

    def __init__(self, podman: Podman) -> None:
        self._podman = podman
        self._places: dict[Path, Path] = {}

    @classmethod
    @contextmanager
    def of(cls, podman: Podman, images: Sequence[Path]) -> Iterator[Self]:
        """List the stores in the files `images` for the time of a `with` block."""
        stores = cls(podman)
        try:
            stores.show(images)
            yield stores
        finally:
            stores.show([])

    @property
    def places(self) -> list[Path]:
        """Where the stores are mounted."""
        return list(self._places.values())

    def show(self, images: Sequence[Path]) -> None:
        """Mount and list the stores in the files `images`, in this order, and no others."""
        before = self._places
        self._places = {image: RUN / image.stem for image in images}
        for image in self._places.keys() - before.keys():
            self._podman.mount_image(image, self._places[image], image.suffix[1:])
        self._podman.use_stores(self.places)
        for image in before.keys() - self._places.keys():
            self._podman.umount(before[image])
