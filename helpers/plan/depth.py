"""Images of so many layers that an old podman cannot start them from a store.

Before containers/storage 1.44 (podman 4.4) all lower directories of a container were named in
one mount option, of a page at most, and those of an additional store by their whole paths.
"""

from __future__ import annotations

from collections.abc import Iterator

from paack.helpers.definition import Definition
from paack.helpers.errors import LockError, Place
from paack.helpers.lock import Lock
from paack.helpers.rpm import mount_point_of

_PAGE = 4096
#: upperdir and workdir in /var/lib/containers/storage, volatile, metacopy, and SELinux' context
_OTHER_OPTIONS = 330
_LINK = len("/overlay/l/") + 26 + len(":")


def most_layers(package: str) -> int:
    """Return how many layers podman 4.3 starts from the store of a package."""
    return (_PAGE - _OTHER_OPTIONS) // (len(mount_point_of(package)) + _LINK)


def deep_images(definition: Definition, lock: Lock) -> Iterator[LockError]:
    """Yield a warning for each image that podman 4.3 and older could not start."""
    for package in definition.packages:
        most = most_layers(package.name)
        for arch in package.arches:
            for image in arch.images:
                layers = len(lock.of(image.source, arch.name).layers)
                if layers > most:
                    yield LockError(
                        f"{image.source.text} ({arch.name}) has {layers} layers: podman before 4.4 "
                        f"starts at most {most} from a store at {mount_point_of(package.name)}",
                        place=Place(definition.file, image.line),
                        hint="build it with fewer layers if such hosts are to run it",
                    )
