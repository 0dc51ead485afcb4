"""The test harness: real registries, real podman hosts, real images made from Debian's packages.

HOST_PACKAGES are the Debian packages that the machine needs for it, for `make deps`.
"""

from typing import Final

HOST_PACKAGES: Final[tuple[str, ...]] = (
    "apache2-utils",
    "apt",
    "crun",
    "debian-archive-keyring",
    "docker-registry",
    "erofs-utils",
    "faketime",
    "mmdebstrap",
    "mount",
    "openssl",
    "podman",
    "skopeo",
    "squashfs-tools",
    "squashfs-tools-ng",
    "util-linux",
    "zstd",
)
