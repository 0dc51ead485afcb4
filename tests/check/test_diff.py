"""diff: two builds that differ in known ways give exactly those, however they are named."""

from __future__ import annotations

import hashlib
import json
import random
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from paack.helpers.diff.diff import diff
from paack.helpers.diff.side import Side
from paack.helpers.oci.layout import ImageSpec, Packing, write_image
from paack.helpers.oci.locked import LockedImage, LockedLayer
from paack.helpers.progress import human
from paack.helpers.store.rootfs import Rootfs
from paack.helpers.store.table import Table
from tests.support.commands import run
from tests.support.oddities import LayerTar
from tests.support.product import Paack, definition_text
from tests.unit.images import small_layer

CAPABILITY = b"\x01\0\0\x02\0\x04" + bytes(14)


def base() -> bytes:
    layer = LayerTar()
    layer.directory("bin")
    for name in ("kept", "changed", "hidden", "raised", "lowered", "able"):
        layer.add(f"bin/{name}", name.encode(), mode=0o4755 if name == "lowered" else 0o755)
    layer.directory("etc")
    layer.add("etc/old", b"1")
    layer.directory("etc/replaced")
    layer.add("etc/replaced/below", b"1")
    layer.symlink("etc/link", "old")
    return layer.close()


def update() -> bytes:
    layer = LayerTar()
    layer.directory("bin")
    layer.add("bin/changed", b"CHANGED", mode=0o755)
    layer.add("bin/.wh.hidden")
    layer.add("bin/raised", b"raised", mode=0o6755)
    layer.add("bin/lowered", b"lowered", mode=0o755)
    layer.add("bin/able", b"able", mode=0o755, xattrs={"security.capability": CAPABILITY})
    layer.add("bin/new", random.Random(1).randbytes(20_000), mode=0o4755)
    layer.directory("etc")
    layer.add("etc/.wh..wh..opq")
    layer.add("etc/fresh", b"2")
    layer.add("etc/replaced", b"a file now", kind=tarfile.REGTYPE)
    return layer.close()


# By hand, from the two layers above.
FILES = [
    "~ /bin/able  [capabilities]",
    "~ /bin/changed",
    "- /bin/hidden",
    "~ /bin/lowered  [no setuid any more]",
    "+ /bin/new  [setuid]",
    "~ /bin/raised  [setuid, setgid]",
    "+ /etc/fresh",
    "- /etc/link",
    "- /etc/old",
    "~ /etc/replaced",
    "- /etc/replaced/below",
]
REMOVED = ["- /d", "- /d/removed"]
ADDED = ["+ /d", "+ /d/added"]


@dataclass
class Update:
    """A repository with two commits of a definition and its lock, and the RPMs of both."""

    paack: Paack
    layout: Path
    rpms: list[Path]

    def diff(self, old: str | Path, new: str | Path, *options: str) -> str:
        output = ["--output", str(self.paack.output)]
        return self.paack.call("diff", str(old), str(new), *options, *output).stdout

    def sides(self) -> dict[str, tuple[str | Path, str | Path]]:
        """Every way to name the two."""
        return {
            "rpm": (self.rpms[0], self.rpms[1]),
            "definition": ("old.yaml", "app.yaml"),
            "lock": ("old.lock.yaml", "app.lock.yaml"),
            "revision": ("HEAD~1:app.yaml", "HEAD:app.lock.yaml"),
            "mixed": (self.rpms[0], "app.yaml"),
        }


@pytest.fixture(scope="module")
def updated(tmp_path_factory: pytest.TempPathFactory) -> Update:
    home = tmp_path_factory.mktemp("diff")
    paack = Paack(home)
    layout = home / "layout"
    sets = {
        "app:1": [base()],
        "app:2": [base(), update()],
        "same:1": [base(), small_layer("same")],
        "gone:1": [small_layer("removed")],
        "come:1": [small_layer("added")],
    }
    for name, layers in sets.items():
        images = [ImageSpec("x86_64", layers, packing=Packing.GZIP)]
        write_image(layout, f"localhost/{name}", images)

    def source(name: str) -> str:
        return f"oci:./layout:localhost/{name}"

    git = ["git", "-C", str(home), "-c", "user.name=t", "-c", "user.email=t@localhost"]
    run([*git, "init", "--quiet"])
    rpms = []
    for version, names in (
        ("1", ("app:1", "same:1", "gone:1")),
        ("2", ("app:2", "same:1", "come:1")),
    ):
        definition = paack.define(
            definition_text("app", [source(name) for name in names], version=f"'{version}'")
        )
        paack.call("lock", "--def", str(definition))
        rpms += paack.build(definition)
        run([*git, "add", "app.yaml", "app.lock.yaml"])
        run([*git, "commit", "--quiet", "--message", version])
        if version == "1":
            for name in ("app.yaml", "app.lock.yaml"):
                (home / name.replace("app", "old")).write_bytes((home / name).read_bytes())
    return Update(paack, layout, rpms)


WAYS = ["rpm", "definition", "lock", "revision", "mixed"]


def blob_size(updated: Update, lock: str, name: str, number: int) -> int:
    """Return the size of a layer as the layout on disk has it."""
    document = yaml.safe_load((updated.paack.home / lock).read_text())
    image = next(each for each in document["images"] if each["names"][0] == f"localhost/{name}")
    digest = image["layers"][number]["digest"].removeprefix("sha256:")
    blob: Path = updated.layout / "blobs" / "sha256" / digest
    return blob.stat().st_size


@dataclass
class Sizes:
    """Bytes of an RPM, and of the store image that it installs."""

    download: int
    disk: int


def sizes(rpm: Path) -> Sizes:
    query = ["rpm", "-qp", "--nosignature", "--qf", r"[%{FILENAMES} %{LONGFILESIZES}\n]"]
    lines = run([*query, str(rpm)]).stdout.splitlines()
    (disk,) = [int(line.split()[1]) for line in lines if line.split()[0].endswith(".squashfs")]
    return Sizes(rpm.stat().st_size, disk)


@pytest.mark.parametrize("way", WAYS)
def test_what_changed_is_said_exactly(updated: Update, way: str) -> None:
    found: dict[str, Any] = json.loads(updated.diff(*updated.sides()[way], "--json", "--files"))
    changes = [
        (each["kind"], each["arch"], (each["old"] or [None])[0], (each["new"] or [None])[0])
        for each in found["changes"]
    ]
    assert changes == [
        ("added", "x86_64", None, "localhost/come:1"),
        ("changed", "x86_64", "localhost/app:1", "localhost/app:2"),
        ("removed", "x86_64", "localhost/gone:1", None),
    ]
    assert [each["files"] for each in found["changes"]] == [ADDED, FILES, REMOVED]
    layers = [(len(each["layersAdded"]), len(each["layersRemoved"])) for each in found["changes"]]
    assert layers == [(1, 0), (1, 0), (0, 1)]
    new = blob_size(updated, "app.lock.yaml", "app:2", 1)
    assert found["bytesAdded"] == new + blob_size(updated, "app.lock.yaml", "come:1", 0)
    assert found["bytesRemoved"] == blob_size(updated, "old.lock.yaml", "gone:1", 0)
    # As rpm has them.
    there = [sizes(rpm) for rpm in updated.rpms]
    rpms = way == "rpm"
    assert found["bytesToDownload"] == (there[1].download if rpms else None)
    assert found["bytesOnDiskOld"] == (there[0].disk if way in ("rpm", "mixed") else None)
    assert found["bytesOnDiskNew"] == (there[1].disk if rpms else None)


def test_for_a_terminal(updated: Update) -> None:
    lines = updated.diff(updated.rpms[0], updated.rpms[1]).splitlines()
    assert lines[:3] == [
        "+ localhost/come:1 (x86_64): 1 layer new, 0 gone",
        "~ localhost/app:1 -> localhost/app:2 (x86_64): 1 layer new, 0 gone",
        "- localhost/gone:1 (x86_64): 0 layers new, 1 gone",
    ]
    assert lines[3].startswith("2 layers new (")
    old, new = map(sizes, updated.rpms)
    assert lines[4:] == [
        f"to download: {human(new.download)}; "
        f"on disk: {human(new.disk)}, was {human(old.disk)} (+{human(new.disk - old.disk)})"
    ]
    back = updated.diff(updated.rpms[1], updated.rpms[0]).splitlines()[4]
    assert back.endswith(f"was {human(new.disk)} (-{human(new.disk - old.disk)})")


def test_sizes_of_locks_are_not_known(updated: Update) -> None:
    for options in ((), ("--markdown",)):
        lines = updated.diff("old.lock.yaml", "app.yaml", *options).splitlines()
        assert lines[-1] == "to download, on disk: unknown (compare two RPMs)"


def test_for_a_pull_request(updated: Update) -> None:
    text = updated.diff(updated.rpms[0], updated.rpms[1], "--markdown", "--files")
    assert "| changed | `localhost/app:1 -> localhost/app:2 (x86_64)` | 1 | 0 |" in text
    assert "\n+ /bin/new  [setuid]\n" in text
    assert text.count("<details>") == text.count("</details>") == 3


def test_the_other_way_round(updated: Update) -> None:
    lines = updated.diff(updated.rpms[1], updated.rpms[0], "--files").splitlines()
    assert "    ~ /bin/able  [no capabilities any more]" in lines
    assert "    - /bin/new" in lines
    assert "    ~ /bin/lowered  [setuid]" in lines


@pytest.mark.parametrize("way", WAYS)
def test_nothing_changed(updated: Update, way: str) -> None:
    old, _ = updated.sides()[way]
    assert updated.diff(old, old, "--files") == "no image changes\n"
    assert updated.diff(old, old, "--markdown") == "No image changes.\n"


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("unlocked.yaml", "app.yaml", 4),
        ("no.yaml", "app.yaml", 2),
        ("app.yaml", "no.lock.yaml", 2),
        ("app.yaml", "no.rpm", 2),
        ("directory.rpm", "app.yaml", 2),
        ("text.rpm", "app.yaml", 2),
        ("HEAD:no.yaml", "app.yaml", 2),
        ("nowhere:app.yaml", "app.yaml", 2),
        ("app.yaml", "", 2),
    ],
)
def test_what_is_not_there(updated: Update, old: str, new: str, status: int) -> None:
    updated.paack.define("", "unlocked.yaml")
    (updated.paack.home / "directory.rpm").mkdir(exist_ok=True)
    (updated.paack.home / "text.rpm").write_text("no RPM")
    done = updated.paack.call("diff", old, *([new] if new else []), check=False)
    assert done.returncode == status, done.stderr
    assert "  hint: " in done.stderr
    assert "exit status" not in done.stderr
    wrong = new if old == "app.yaml" else old
    if status == 2 and wrong and ":" not in wrong:
        what = " is no RPM" if wrong == "text.rpm" else ": there is no such file"
        assert f"{wrong}{what}" in done.stderr


def image(name: str, arch: str, layers: str) -> LockedImage:
    """Return an image of a lock: with a layer of 10 bytes for each letter."""
    digests = [f"sha256:{letter * 64}" for letter in layers]
    locked = tuple(LockedLayer(each, 10, each) for each in digests)
    manifest = f"sha256:{hashlib.sha256(f'{arch} {layers}'.encode()).hexdigest()}"
    created = "2024-01-01T00:00:00Z"
    return LockedImage(name, arch, (name,), None, manifest, manifest, created, locked)


def side(*images: LockedImage) -> Side:
    return Side("", images, lambda: Rootfs(Table()))


def test_two_arches_that_share_layers() -> None:
    old = side(image("a.b/app:1", "x86_64", "ab"), image("a.b/other:1", "x86_64", "a"))
    new = side(image("a.b/app:1", "aarch64", "ab"), image("a.b/other:1", "aarch64", "ac"))
    assert list(diff(old, new).lines())[:-1] == [
        "+ a.b/app:1 (aarch64): 0 layers new, 0 gone",
        "+ a.b/other:1 (aarch64): 1 layer new, 0 gone",
        "- a.b/app:1 (x86_64): 0 layers new, 0 gone",
        "- a.b/other:1 (x86_64): 0 layers new, 0 gone",
        "1 layer new (10 B compressed), 0 gone (0 B)",
    ]


images = st.builds(
    image,
    st.sampled_from(["a.b/one:1", "a.b/one:2", "a.b/two:1"]),
    st.sampled_from(["x86_64", "aarch64"]),
    st.text("abcde", max_size=3),
)
sides = st.lists(images, max_size=4, unique_by=lambda each: (each.source, each.arch))


@given(sides, sides)
def test_the_sum_is_of_the_layers_of_the_images(
    old: list[LockedImage], new: list[LockedImage]
) -> None:
    found = diff(side(*old), side(*new))
    assert {digest for each in found.changes for digest in each.added} == found.fetched.keys()
    assert {digest for each in found.changes for digest in each.removed} == found.dropped.keys()
