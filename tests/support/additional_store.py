"""A store image on a podman host: mounted, and listed as an additional image store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.support.podman import Podman

WHERE = Path("/run/paack/store")


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
