"""report: the numbers add up, and are those that rpm, stat, tar and the layout on disk tell."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.check import reported
from tests.check.reported import IMAGES, MIB, Reported
from tests.support import rpm_query
from tests.support.commands import run
from tests.support.gpg import Gpg
from tests.support.product import Paack, definition_text, store_image, unpack_rpm
from tests.support.tiny_rpm import Tiny

SPLIT_LIMIT = 5000  # bytes of a tar-split of one file, at most


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    return reported.build(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def found(built: Reported) -> dict[str, dict[str, Any]]:
    """What the report says, by the name of the RPM."""
    _, said, _ = built.report("--json")
    return {rpm["file"]: rpm for build in json.loads(said) for rpm in build["rpms"]}


@pytest.fixture(scope="module")
def rpm(built: Reported) -> Path:
    """The x86_64 RPM with squashfs."""
    return built.squashfs[1]


def layers_of(rpm: dict[str, Any], image: str) -> list[dict[str, Any]]:
    """Return the layers that only ``image`` has."""
    return [each for each in rpm["layers"] if each["images"] == [f"localhost/{image}"]]


def test_every_rpm_adds_up_to_its_size(built: Reported, found: dict[str, Any]) -> None:
    paths = [*built.squashfs, *built.erofs]
    assert sorted(found) == sorted(path.name for path in paths)
    for path in paths:
        said = found[path.name]
        size = path.stat().st_size
        assert sum(part["size"] for part in said["parts"]) == said["download"] == size
        assert said["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_store_is_as_large_as_the_file(
    built: Reported, found: dict[str, Any], tmp_path: Path
) -> None:
    for number, path in enumerate([*built.squashfs, *built.erofs]):
        image = store_image(unpack_rpm(path, tmp_path / str(number)))
        assert found[path.name]["onDisk"] == image.stat().st_size


def test_parts_are_what_rpm_says(rpm: Path, found: dict[str, Any]) -> None:
    parts = [part["size"] for part in found[rpm.name]["parts"]]
    archive = int(rpm_query.tags(rpm, "%{LONGARCHIVESIZE}"))
    assert parts[0] == rpm.stat().st_size - archive  # not compressed: all that is not header
    files = rpm_query.tags(rpm, "[%{FILENAMES} %{FILESIZES} %{FILEMODES:perms}\\n]")
    sizes = {
        line.split()[0]: int(line.split()[1])
        for line in files.splitlines()
        if line.split()[2].startswith("-")
    }
    manifests = sum(size for name, size in sizes.items() if name.startswith("/usr/lib/app/mani"))
    store = found[rpm.name]["onDisk"]
    (others,) = (
        part["size"] for part in found[rpm.name]["parts"] if part["what"].startswith("Lock, units")
    )
    ghosts = 0  # are empty
    assert others == sum(sizes.values()) - manifests - store - ghosts


def test_erofs_in_an_rpm_is_compressed_by_rpm(built: Reported, found: dict[str, Any]) -> None:
    (path,) = built.erofs
    (saved,) = (part for part in found[path.name]["parts"] if part["size"] < 0)
    archive = int(rpm_query.tags(path, "%{LONGARCHIVESIZE}"))
    header = found[path.name]["parts"][0]["size"]
    assert saved["size"] == path.stat().st_size - header - archive
    assert path.read_bytes()[header:][:4] == b"\x28\xb5\x2f\xfd"  # zstd: the payload starts there


def test_layers_are_those_of_the_tars(built: Reported, found: dict[str, Any]) -> None:
    """Files, bytes unpacked and bytes in the registry, of every layer of every RPM."""
    for path in [*built.squashfs, *built.erofs]:
        for layer in found[path.name]["layers"]:
            blob = built.layout / "blobs/sha256" / layer["digest"].removeprefix("sha256:")
            raw = blob.read_bytes()
            assert layer["registry"] == len(raw)
            content = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
            with tarfile.open(fileobj=io.BytesIO(content)) as tar:
                files = {
                    each.name: each.size for each in tar if each.isreg() and ".wh." not in each.name
                }
            assert layer["files"] == len(files)
            assert layer["unpacked"] == sum(files.values())


@pytest.mark.parametrize("kind", ["squashfs", "erofs"])
def test_bytes_are_given_to_the_layer_that_has_them(
    built: Reported, found: dict[str, Any], kind: str
) -> None:
    """Noise of whole blocks takes its own size, besides a tar-split."""
    said = found[(built.squashfs[1] if kind == "squashfs" else built.erofs[0]).name]
    split = SPLIT_LIMIT if kind == "squashfs" else 4 * SPLIT_LIMIT  # compressed, or not
    (own,) = layers_of(said, "db:1")
    assert 2 * MIB < own["own"] < 2 * MIB + split
    (base,) = (each for each in said["layers"] if len(each["images"]) == 2)
    assert sorted(base["images"]) == ["localhost/db:1", "localhost/web:1"]
    assert MIB < base["own"] < MIB + split
    (many,) = layers_of(said, "many:1")
    # squashfs: two blocks of noise, and a share of those that ends of files have together.
    least, most = (262_144, 310_000) if kind == "squashfs" else (805_000, 825_000)
    assert least < many["own"] < most


def test_a_file_that_two_layers_have_is_counted_once(rpm: Path, found: dict[str, Any]) -> None:
    said = found[rpm.name]
    twice = [
        each for each in said["layers"] if each["digest"] == layers_of(said, "alone:1")[0]["digest"]
    ]
    assert [each["images"] for each in twice] != [twice[0]["images"]] * 2
    assert all(MIB <= each["common"] < MIB + SPLIT_LIMIT for each in twice)
    assert all(each["own"] < SPLIT_LIMIT for each in twice)
    (common,) = (part["size"] for part in said["parts"] if part["what"].startswith("Files that"))
    assert MIB <= common < MIB + 2 * SPLIT_LIMIT


def test_images_share_what_they_share(rpm: Path, found: dict[str, Any]) -> None:
    images = {each["names"][0]: each for each in found[rpm.name]["images"]}
    web, db, alone = (images[f"localhost/{name}"] for name in ("web:1", "db:1", "alone:1"))
    assert web["own"] < SPLIT_LIMIT < 2 * MIB < web["shared"] < 2 * MIB + 2 * SPLIT_LIMIT
    assert 2 * MIB < db["own"] < 2 * MIB + SPLIT_LIMIT
    assert MIB < db["shared"] < MIB + SPLIT_LIMIT
    assert alone["own"] < SPLIT_LIMIT < alone["shared"]


def test_what_is_inside(rpm: Path, found: dict[str, Any]) -> None:
    said = found[rpm.name]
    assert said["arch"] == "x86_64"
    assert {each["names"][0] for each in said["images"]} == {
        f"localhost/{name}" for name in (*IMAGES, "files:1")
    }
    provides = rpm_query.provides(rpm)
    for image in said["images"]:
        for digest in (image["list"], image["manifest"]):
            repo = image["names"][0].partition(":")[0]
            assert f"container-image({repo}@{digest})" in provides
    web = next(each for each in said["images"] if each["names"][0] == "localhost/web:1")
    assert web["labels"] == dict(sorted(reported.HOSTILE.items()))
    manifests = {each["path"].rpartition("/")[2]: each for each in said["manifests"]}
    assert manifests["web.yaml"]["objects"] == ["Deployment/web"]
    assert manifests["web.yaml"]["images"] == ["localhost/web:1", "localhost/missing:1"]
    assert manifests["broken.yaml"]["objects"] == []
    record = json.loads(rpm.with_name(f"{rpm.name}.buildinfo.json").read_text())["inputs"]
    assert said["tools"] == {key: record[key] for key in ("rpm", "libzstd", "recipes")}


def test_for_a_terminal(built: Reported, rpm: Path) -> None:
    _, said, _ = built.report(str(rpm))
    assert "\x1b" not in said
    assert said.splitlines()[0] == "app-1.0-1: <b>bold</b> & more"
    assert said.splitlines()[-1] == f"the same as a page: {built.page('app-1.0-1')}"
    table = said[said.index(" bytes ") :]
    sizes = [int(size) for size in re.findall(r"^ +(\d+) +[\d.]+  ", table, re.MULTILINE)]
    assert sizes[-1] == rpm.stat().st_size == sum(sizes[:-1])


def test_the_same_rpms_give_the_same_bytes(built: Reported, tmp_path: Path) -> None:
    """Wherever they are, whenever, in whichever order."""
    built.report(*map(str, built.squashfs))
    page = built.page("app-1.0-1").read_bytes()
    copies = []
    for number, path in enumerate(built.squashfs):
        home = tmp_path / str(number)
        home.mkdir()
        copies.append(Path(shutil.copy(path, home)))
        shutil.copy(f"{path}.buildinfo.json", home)
    other = Reported(Paack(tmp_path, environment={"TZ": "Asia/Tokyo"}), built.layout)
    other.report(*map(str, reversed(copies)))
    assert other.page("app-1.0-1").read_bytes() == page
    assert str(built.paack.home).encode() not in page.replace(str(built.layout).encode(), b"")
    assert list((built.paack.output / "work").glob("*")) == []


def test_only_those_of_a_definition(built: Reported) -> None:
    shutil.rmtree(built.paack.output / "reports", ignore_errors=True)
    built.report("--def", "eapp.yaml")
    assert [path.name for path in built.paack.output.glob("reports/*")] == ["eapp-1.0-1.html"]
    built.report()
    assert built.page("app-1.0-1").is_file()


@pytest.mark.parametrize("over", [0, 1])
def test_a_budget_to_the_byte(built: Reported, rpm: Path, over: int) -> None:
    built.page("app-1.0-1").unlink(missing_ok=True)
    size = rpm.stat().st_size
    status, said, error = built.report(str(rpm), "--budget", str(size - over), check=False)
    assert status == (7 if over else 0)
    assert said.endswith(f"{built.page('app-1.0-1')}\n")
    assert ("exceeded" in built.page("app-1.0-1").read_text()) == bool(over)
    if over:
        assert f"app-1.0-1.x86_64.rpm has {size / 1e6:.1f} MB: 1 B (1 bytes) over" in error
        assert re.search(
            r"  image 3\.\d MB in the store: localhost/db:1 \(2\.1 MB of its own, ", error
        )
        assert re.search(r"  layer 2\.1 MB in the store: sha256:\w{12} \(paack\)", error)
        assert "  hint: " in error


def test_without_a_network_and_without_root(built: Reported, rpm: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="nobody-") as name:
        home = Path(name)
        copy = Path(shutil.copy(rpm, home))
        for path in (home, copy):
            os.chown(path, 65534, 65534)
        command, env = Paack(home).command("report", str(copy), "--output", str(home / "out"))
        alone = ["unshare", "--net", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        run([*alone, *command], env={**env, "HOME": "/"})
        page = (home / "out/reports/app-1.0-1.html").read_text()
    assert "there is no record of this build beside the RPM" in page


def test_a_signed_rpm(built: Reported, rpm: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(rpm, tmp_path))
    shutil.copy(f"{rpm}.buildinfo.json", tmp_path)
    with Gpg() as gpg:
        key = gpg.key("reporter", algorithm="rsa2048")
        values = (f"__gpg {shutil.which('gpg')}", f"_gpg_name {key.fingerprint}")
        defines = [word for value in values for word in ("--define", value)]
        env = {**os.environ, **gpg.environment}
        run(["rpmsign", "--addsign", *defines, str(copy)], env=env)
    _, said, _ = built.report(str(copy), "--json")
    (found,) = json.loads(said)[0]["rpms"]
    assert found["signer"] == key.fingerprint[-16:].lower()
    assert sum(part["size"] for part in found["parts"]) == copy.stat().st_size
    assert found["tools"] is None  # the record is of other bytes


def test_an_rpm_without_images(built: Reported, tmp_path: Path) -> None:
    (tiny,) = Tiny("tiny", "1", arches=("noarch",)).build(tmp_path)
    _, said, _ = built.report(str(tiny), "--json")
    (found,) = json.loads(said)[0]["rpms"]
    assert found["images"] == found["layers"] == []
    assert sum(part["size"] for part in found["parts"]) == tiny.stat().st_size
    assert "<h2" in built.page("tiny-1-1").read_text()


def a_copy(rpm: Path, work: Path) -> Iterator[Path]:
    yield rpm
    yield Path(shutil.copy(rpm, work))


def a_source_rpm(_: Path, work: Path) -> Iterator[Path]:
    yield from Tiny("tiny", "1", arches=("src",)).build(work)


def nothing(_: Path, work: Path) -> Iterator[Path]:
    yield work / "gone.rpm"


def no_rpm(_: Path, work: Path) -> Iterator[Path]:
    (work / "text.rpm").write_text("no RPM")
    yield work / "text.rpm"


def damaged(rpm: Path, work: Path) -> Iterator[Path]:
    content = bytearray(rpm.read_bytes())
    content[len(content) // 2] ^= 1
    (work / rpm.name).write_bytes(content)
    yield work / rpm.name


def cut_off(rpm: Path, work: Path) -> Iterator[Path]:
    (work / rpm.name).write_bytes(rpm.read_bytes()[: rpm.stat().st_size // 2])
    yield work / rpm.name


@pytest.mark.parametrize(
    ("make", "status"),
    [(a_copy, 2), (a_source_rpm, 2), (nothing, 2), (no_rpm, 2), (damaged, 7), (cut_off, 7)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_cannot_be_reported_on(
    built: Reported, rpm: Path, tmp_path: Path, make: Any, status: int
) -> None:
    done, said, error = built.report(*map(str, make(rpm, tmp_path)), check=False)
    assert done == status, error
    assert said == ""
    assert "  hint: " in error
    assert "Traceback" not in error


def without_an_image(sources: Path) -> None:
    lock = sources / "app-x86_64.lock.yaml"
    first, *images = re.split(r"(?m)^(?=- source: )", lock.read_text())
    lock.write_text(first + "".join(images[:-1]))


def with_another_config(sources: Path) -> None:
    lock = sources / "app-x86_64.lock.yaml"
    lock.write_text(
        re.sub(r"config: sha256:\w{8}", "config: sha256:00000000", lock.read_text(), count=1)
    )


def with_another_store(sources: Path) -> None:
    store = sources / "app-x86_64.squashfs"
    content = bytearray(store.read_bytes())
    content[40:48] = bytes(8)  # bytes used
    store.write_bytes(content)


@pytest.fixture(scope="module")
def sources(built: Reported) -> Path:
    done = built.paack.call(
        "srpm", "--def", "app.yaml", "--no-check", "--output", str(built.paack.output)
    )
    return unpack_rpm(Path(done.stdout.strip()), built.paack.home / "sources")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (without_an_image, "its layers are not those of its lock"),
        (with_another_config, "has no config"),
        (with_another_store, "its store cannot be read: "),
    ],
)
def test_an_rpm_that_was_rebuilt(
    built: Reported, sources: Path, tmp_path: Path, change: Any, why: str
) -> None:
    top = tmp_path / "top"
    (top / "SPECS").mkdir(parents=True)
    shutil.copytree(sources, top / "SOURCES")
    change(top / "SOURCES")
    spec = shutil.move(top / "SOURCES" / "app.spec", top / "SPECS")
    run(["rpmbuild", "-bb", "--target", "x86_64", "--define", f"_topdir {top}", str(spec)])
    path = next((top / "RPMS").rglob("*.rpm"))
    status, _, error = built.report(str(path), check=False)
    assert status == 7, error
    assert why in error
    assert "paack verify" in error


def test_nothing_was_built(tmp_path: Path) -> None:
    paack = Paack(tmp_path)
    paack.define(definition_text("none", ["localhost/a:1"]))
    call = partial(paack.call, "report", "--output", str(tmp_path / "out"), check=False)
    for more in ((), ("--def", "app.yaml")):
        done = call(*more)
        assert done.returncode == 2
        assert "  hint: paack build --def " in done.stderr
    assert call("--budget", "much").returncode == 2
    assert call("--def", "no.yaml").returncode == 3
