"""Packages of layers: the name says what is inside, and nothing else decides what that is."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from paack.helpers.lock.group import layers_of
from paack.helpers.lock.lock import LockedGroup
from paack.helpers.oci.locked import LockedImage
from paack.helpers.plan import layer_package
from paack.helpers.plan.layer_package import GroupPackage, needing
from paack.helpers.rpm import spec
from paack.helpers.rpm.part_name import is_part_file
from paack.helpers.store import store
from paack.helpers.templates import render
from tests.unit.test_group import MB, image

ONE = image("quay.io/a/b:1", ("a", 60 * MB), ("b", 3 * MB), ("c", MB))
IDS = tuple(layers_of([ONE]))
GROUP = LockedGroup("x86_64", "squashfs", IDS[:2])


def made(group: LockedGroup = GROUP, one: LockedImage = ONE) -> GroupPackage:
    return layer_package.group_package(group, layers_of([one]))


def test_the_name_is_that_of_the_content() -> None:
    package = made()
    assert re.fullmatch("container-layers-[0-9a-f]{24}", package.name)
    assert package.file == f"{package.name}-1-1.x86_64.rpm"
    assert package.requirement == f"{package.name} = 1-1"
    assert is_part_file(package.file)
    assert (
        made(one=replace(ONE, source="other", names=("x:1",), created="2026-01-01T00:00:00Z"))
        == package
    )
    for name in (f"{package.name}-2-1.x86_64.rpm", "app-1-1.x86_64.rpm", f"x{package.file}"):
        assert not is_part_file(name)


@pytest.mark.parametrize(
    "group",
    [
        replace(GROUP, layers=IDS),
        replace(GROUP, layers=IDS[1:]),
        replace(GROUP, arch="aarch64"),
        replace(GROUP, filesystem="erofs"),
    ],
    ids=lambda group: f"{group.arch} {group.filesystem} {len(group.layers)}",
)
def test_what_differs_has_another_name(group: LockedGroup) -> None:
    assert made(group).name != made().name


def test_another_blob_or_recipe_has_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    other = image("quay.io/a/b:1", ("a", 60 * MB), ("b", 3 * MB), ("c", MB), blob="zstd ")
    assert tuple(layers_of([other])) == IDS
    names = {made().name, made(one=other).name}
    with monkeypatch.context() as patch:
        patch.setattr(layer_package, "LAYOUT", store.LAYOUT + 1)
        names.add(made().name)
    with monkeypatch.context() as patch:  # a file of the device, a line of the spec
        patch.setattr(spec, "render", lambda *args, **more: render(*args, **more) + "# more\n")
        names.add(made().name)
    assert len(names) == 4


def test_the_spec_is_of_one_arch_and_of_nobody() -> None:
    package = made(replace(GROUP, arch="aarch64"))
    text = package.spec.text
    assert "\nExclusiveArch:  aarch64\n" in text
    assert "\nVendor:         paack\n" in text
    assert "quay.io" not in text
    assert "0" * 24 not in text
    (listed,) = (each for each in package.spec.sources if each.name.endswith("layers.json"))
    assert listed.content is not None
    layers = json.loads(listed.content)["layers"]
    assert [each["id"] for each in layers] == list(GROUP.layers)
    assert [each["digest"] for each in layers] == [each.digest for each in ONE.layers[:2]]


def test_a_package_that_needs_layers_says_which() -> None:
    package = made()
    listed, drop_in = needing([package], "my-app")
    digits = package.name.removeprefix("container-layers-")
    assert listed.path == "/usr/share/paack/my-app/layers"
    assert listed.content == f"{package.name} /usr/lib/container-layers/{digits}\n"
    unit = f"run-paack-container\\x2dlayers\\x2d{digits}.mount"
    assert drop_in.path == r"/usr/lib/systemd/system/run-paack-my\x2dapp.mount.d/10-layers.conf"
    assert f"\nRequires={unit}\nAfter={unit}\n" in drop_in.content
    mounted = f"ConditionPathIsMountPoint=/run/paack/{package.name}\n"
    assert drop_in.content.endswith(mounted)
    (none,) = needing([], "my-app")
    assert (none.path, none.content) == (listed.path, "")
