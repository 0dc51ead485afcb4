"""Which source RPMs of layers stay: those of layers that some package needs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from paack.helpers.repo.repodata import Entry
from paack.helpers.repo.retention import without_old_sources

OLD, NEW = (f"container-layers-{letter * 24}" for letter in "ab")


def entries(*packages: str, requires: str = "", suffix: str = "x86_64") -> dict[str, Entry]:
    """Return packages, each NAME-VERSION, by file name."""
    found = {}
    for each in packages:
        name, version = each.rsplit("-", 1)
        needs = [(requires, "EQ", "0", "1", "1", False)] if requires else []
        metadata = SimpleNamespace(name=name, version=version, release="1", requires=needs)
        found[f"{each}-1.{suffix}.rpm"] = Entry(metadata, "0")
    return found


def sources(*packages: str) -> dict[str, Entry]:
    return entries(*packages, suffix="src")


@pytest.mark.parametrize(
    ("binary", "there", "left"),
    [
        # The RPM of the layers is there, or a package that needs them, for whatever arch
        (entries(f"{NEW}-1", "app-2"), [f"{OLD}-1", f"{NEW}-1", "app-2"], [f"{NEW}-1", "app-2"]),
        (entries("app-2", requires=NEW), [f"{OLD}-1", f"{NEW}-1", "app-2"], [f"{NEW}-1", "app-2"]),
        # What app-1 needs is not known
        (entries("app-2"), [f"{OLD}-1", "app-1", "app-2"], [f"{OLD}-1", "app-1", "app-2"]),
        ({}, [f"{OLD}-1", "app-1"], [f"{OLD}-1", "app-1"]),
        (entries("app-1"), ["app-1"], ["app-1"]),
    ],
)
def test_source_rpms_go_with_the_layers(
    binary: dict[str, Entry], there: list[str], left: list[str]
) -> None:
    for arch in ("x86_64", "aarch64"):
        found = without_old_sources({arch: binary, "source": sources(*there)})
        assert sorted(found["source"]) == sorted(sources(*left))
        assert found[arch] == binary


def test_without_source_rpms_nothing_changes() -> None:
    directories = {"x86_64": entries("app-1", requires=NEW)}
    assert without_old_sources(directories) == directories
