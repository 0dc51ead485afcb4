"""What a definition packages: under which names each image is found on the device, by arch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from paack.helpers.definition import Definition, Image
from paack.helpers.lock import Lock
from paack.helpers.oci import IMAGE_DEPENDENCY, Reference
from paack.helpers.rpm import image_names


def wanted_name(reference: Reference) -> str:
    """Return the name that a container engine looks for: a tag beside a digest does not count."""
    repo = reference.repo
    return f"{repo}@{reference.digest}" if reference.digest else f"{repo}:{reference.tag}"


@dataclass
class PackagedImages:
    """The names of all packaged images, by RPM arch.

    ``unlocked`` are repositories whose digests are not known, ``elsewhere`` the images that other
    packages bring: a package of the definition requires them.
    """

    lock: Lock
    names: dict[str, set[str]] = field(default_factory=dict)
    unlocked: dict[str, set[str]] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, definition: Definition, lock: Lock) -> PackagedImages:
        """Return the images of all packages, and those that other packages must bring."""
        packaged = cls(lock)
        for arch, image in definition.images():
            packaged.names.setdefault(arch, set()).update(packaged.names_of(image, arch))
            if (image.source.text, arch) not in lock.images:
                packaged.unlocked.setdefault(arch, set()).add(image.source.reference.repo)
        for package in definition.packages:
            for text in package.requires:
                if match := IMAGE_DEPENDENCY.match(text):
                    packaged.elsewhere.add(match[1])
        return packaged

    def names_of(self, image: Image, arch: str) -> set[str]:
        """Return the names of an image on the device, as far as they are known."""
        reference = image.source.reference
        names = {wanted_name(reference)}
        if reference.tag:
            names.add(f"{reference.repo}:{reference.tag}")
        locked = self.lock.images.get((image.source.text, arch))
        return names | set(image_names([locked])) if locked else names

    def lacking(self, reference: Reference, arches: Iterable[str]) -> list[str]:
        """Return the arches for which an image is not packaged."""
        name = wanted_name(reference)
        if name in self.elsewhere:
            return []
        return [
            arch
            for arch in arches
            if name not in self.names.get(arch, ())
            # Without a lock nobody knows which digests a tag stands for.
            and not (reference.digest and reference.repo in self.unlocked.get(arch, ()))
        ]

    def same_repository(self, repo: str, arches: Iterable[str]) -> list[str]:
        """Return the names of other images of a repository, the tags before the digests."""
        names = {
            name
            for arch in arches
            for name in self.names.get(arch, ())
            if name.startswith((f"{repo}:", f"{repo}@"))
        }
        return sorted(names, key=lambda name: ("@" in name, name))
