"""The packages of an image: those of its layers, one upon the other, whiteouts applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paack.helpers.packages.layer_packages import LayerPackages
from paack.helpers.packages.package import Distribution, Package, clean, purl
from paack.helpers.packages.readers import Found

_LINKS_FOLLOWED = 5
_PROBLEMS_SHOWN = 100
_Key = tuple[bytes, str, str, str, str]


@dataclass(frozen=True, slots=True, order=True)
class FoundPackage:
    """A package of an image: its URL, the file that tells of it, and the layer that brought it.

    ``layer`` is a diffID. A database that an upper layer writes anew is there with all of its
    packages: each counts for the layer from which on it was in the database.
    """

    purl: str
    path: str
    layer: str
    package: Package
    license: str


@dataclass(frozen=True, slots=True)
class ImagePackages:
    """The packages of an image, sorted, and lines about files that cannot be read."""

    packages: tuple[FoundPackage, ...] = ()
    problems: tuple[str, ...] = ()


def image_packages(layers: Sequence[tuple[str, LayerPackages]]) -> ImagePackages:
    """Return the packages of an image with ``layers``, each with its diffID, the base first."""
    seen: dict[bytes, Found] = {}
    since: dict[_Key, str] = {}
    for diff_id, layer in layers:
        gone = {path: found for path, found in seen.items() if layer.hides(path)}
        for path in gone:
            del seen[path]
        for found in layer.found:
            seen[found.path] = found
            now = {_key(found, package) for package in found.packages}
            before = gone.pop(found.path, None)
            had = {_key(before, package) for package in before.packages} if before else set()
            for key in had - now:
                since.pop(key, None)
            for key in now - had:
                since[key] = diff_id
    return _result(seen, since)


def _result(seen: dict[bytes, Found], since: dict[_Key, str]) -> ImagePackages:
    distribution = _distribution(seen)
    packages = {
        FoundPackage(
            purl=purl(package, distribution),
            path=shown(path),
            layer=since[_key(found, package)],
            package=package,
            license=package.license or _license(seen, package),
        )
        for path, found in seen.items()
        for package in found.packages
    }
    damaged = sorted((path, found.problem) for path, found in seen.items() if found.problem)
    problems = [f"{shown(path)}: {problem}" for path, problem in damaged]
    if len(problems) > _PROBLEMS_SHOWN:
        problems[_PROBLEMS_SHOWN:] = [f"and {len(problems) - _PROBLEMS_SHOWN} more files"]
    return ImagePackages(tuple(sorted(packages)), tuple(problems))


def shown(path: bytes) -> str:
    """Return a path of an image as a bill says it."""
    return "/" + clean(path.decode("utf-8", "backslashreplace"), 4096)


def _key(found: Found, package: Package) -> _Key:
    return found.path, package.kind, package.name, package.full_version, package.arch


def _distribution(seen: dict[bytes, Found]) -> Distribution:
    for path in (b"etc/os-release", b"usr/lib/os-release"):
        says = dict(seen[path].says) if path in seen else {}
        if says:
            return Distribution(says.get("id", ""), says.get("version", ""))
    return Distribution()


def _license(seen: dict[bytes, Found], package: Package) -> str:
    """Return what the copyright file of a Debian package says."""
    name = package.name.encode() if package.kind == "deb" else b""
    for _ in range(_LINKS_FOLLOWED if name else 0):
        directory = b"usr/share/doc/" + name
        link = dict(seen[directory].says).get("link") if directory in seen else None
        if link is None:
            found = seen.get(directory + b"/copyright")
            return dict(found.says).get("license", "") if found else ""
        name = link.rstrip("/").rpartition("/")[2].encode("utf-8", "surrogateescape")
    return ""
