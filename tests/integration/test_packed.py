"""Packages over packs: built from real images, and joined the same as a store in one file."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from paack.helpers.blobs.blob import digest_of
from paack.helpers.blobs.cache import Cache
from paack.helpers.check.lock import lock_problems
from paack.helpers.diff.diff import diff
from paack.helpers.diff.side import side_of
from paack.helpers.errors import BuildError, LockError, UsageError, VerificationError
from paack.helpers.lock import packing
from paack.helpers.lock.lock import Lock, write_lock
from paack.helpers.lock.locked_pack import LockedPack
from paack.helpers.progress import Reporter
from paack.helpers.registry.skopeo import Registry as RegistryClient
from paack.helpers.repo.publish import Settings, built_offers, publish
from paack.helpers.repo.publish_job import publish_job
from paack.helpers.repo.published import published_at
from paack.helpers.repo.repo import make_repo, repo_path
from paack.helpers.repo.repodata import read_repodata
from paack.helpers.repo.site import LocalSite
from paack.helpers.report.page import render_page
from paack.helpers.report.reader import read_reports
from paack.helpers.report.text import report_json, report_lines
from paack.helpers.rpm.device_program import program_name
from paack.helpers.store import image as store_image
from paack.helpers.store.image_reader import read_image
from paack.helpers.store.pack import Pack
from paack.helpers.store.table import differences
from paack.helpers.verify.verify import Verifier
from tests.support import oddities
from tests.support.commands import run
from tests.support.debian import push_multiarch
from tests.support.packed import ARM, KIB, X86, Packed, files, joined, noise, push
from tests.support.product import Paack, definition_text, unpack_rpm
from tests.support.registry import Registry
from tests.support.rpm_query import requires, tags
from tests.support.web_server import WebServer
from tests.unit.images import layer_of, read_by_sqfs2tar
from tests.unit.test_pack import parts_of

BASE = files("usr/lib/", 30) | files("etc/", 20, 300)
TOP = files("opt/", 5)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with (
        Registry(tmp_path_factory.mktemp("registry")) as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("CONTAINERS_REGISTRIES_CONF", str(running.registries_conf))
        yield running


@pytest.fixture
def app(registry: Registry, tmp_path: Path) -> Packed:
    """One package with one image, locked."""
    packed = Packed(tmp_path / "app")
    packed.define(app=[push(registry, "app", BASE, TOP)])
    packed.lock()
    return packed


def packs(rpms: list[Path]) -> list[Path]:
    return [rpm for rpm in rpms if rpm.name.startswith("container-pack-")]


def test_the_pieces_are_the_store_in_one_file(registry: Registry, tmp_path: Path) -> None:
    """Whatever files there are; to sqfs2tar, and to our own reader."""
    layers = []
    for name in ("files", "lower", "upper"):
        layers.append(tmp_path / f"{name}.tar")
        layers[-1].write_bytes(oddities.ALL[name]())
    push_multiarch(registry, "odd", "1", {"amd64": layers, "arm64": layers})
    images = [f"{registry.host}/odd:1", push(registry, "one", BASE, TOP)]
    whole = Packed(tmp_path / "whole", layers="bundled")
    whole.define(app=images)
    whole.lock()
    packed = Packed(tmp_path / "packed")
    packed.define(app=images)
    packed.lock()
    assert packed.lock() == []
    root = packed.unpacked(packed.build())
    plain = whole.unpacked(whole.build()) / "usr/lib/container-images/app.squashfs"
    expected, image = read_by_sqfs2tar(plain), joined(root, "app")
    assert len(expected.rows) > 100
    assert list(differences(expected, read_by_sqfs2tar(image))) == []
    assert list(differences(expected, read_image(image, "squashfs"))) == []
    index = (root / "usr/lib/container-images/app.index").stat().st_size
    assert index % 4096 == 0
    assert index < image.stat().st_size // 10


def test_a_pack_is_a_file_and_nothing_else(app: Packed) -> None:
    *parts, program, rpm = app.build()
    assert len(parts) == 1
    name = tags(parts[0], "%{NAME}")
    file = tags(parts[0], "[%{FILEMODES:perms} %{FILENAMES}\n]").splitlines()
    (locked,) = app.locked.packs
    digest = locked.digest.removeprefix("sha256:")
    assert file == [
        "drwxr-xr-x /usr/lib/container-packs",
        f"-rw-r--r-- /usr/lib/container-packs/{digest}",
    ]
    assert name == f"container-pack-{digest[:24]}"
    content = (app.unpacked(parts) / f"usr/lib/container-packs/{digest}").read_bytes()
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (digest, locked.size)
    assert tags(parts[0], "%{PREIN}%{POSTIN}%{PREUN}%{POSTUN}%{POSTTRANS}") == "(none)" * 5
    needed = {f"{name} = 1-1", f"{tags(program, '%{NAME}')} = 1-1", "device-mapper"}
    assert needed <= requires(rpm)


def test_an_update_of_the_base_is_a_small_pack(registry: Registry, tmp_path: Path) -> None:
    """And the one after it another; what stays is nowhere sent again."""
    packed = Packed(tmp_path / "app")
    packed.define(app=[push(registry, "rebuilt", BASE, TOP)])
    packed.lock()
    first = packed.locked.packs
    changed = {"usr/lib/3": noise("3b", 90 * KIB)}
    push(registry, "rebuilt", BASE | changed, TOP, mtime=1_700_000_000)
    said = packed.lock(update=True)
    assert "~ packs (x86_64): 1 kept, 1 new" in said[-1]
    second = packed.locked.packs
    assert second[:1] == first
    assert 90 * KIB < second[1].size < 100 * KIB
    assert packed.lock(update=True) == []
    # Less than a pack is worth stays in the index.
    push(registry, "rebuilt", BASE | changed | {"little": noise("little", 10_000)}, TOP)
    packed.lock(update=True)
    assert packed.locked.packs == second
    root = packed.unpacked(packed.build())
    found = read_by_sqfs2tar(joined(root, "app"))
    assert any(path.endswith(b"/diff/little") for path in found.rows)
    assert len(list((root / "usr/lib/container-packs").iterdir())) == 2


def test_whoever_updates_a_lock_gets_the_same(registry: Registry, tmp_path: Path) -> None:
    """With a cache or without: the old pack is made again, from what the old lock says."""
    mine, yours = Packed(tmp_path / "mine"), Packed(tmp_path / "yours")
    mine.define(app=[push(registry, "both", BASE, TOP)], other=[push(registry, "rest", TOP)])
    mine.lock()
    yours.home.mkdir()
    for name in ("app.yaml", "app.lock.yaml"):
        shutil.copy(mine.home / name, yours.home)
    push(registry, "both", BASE | {"usr/lib/3": noise("3b", 90 * KIB)}, TOP | files("new", 5))
    for packed in (mine, yours):
        packed.lock(update=True)
    text = (mine.home / "app.lock.yaml").read_text()
    assert text == (yours.home / "app.lock.yaml").read_text()
    assert "bits:" in text


def test_a_layer_in_two_blobs(registry: Registry, tmp_path: Path) -> None:
    """Whichever a pack was made from is the one that it is made again from."""
    layer = tmp_path / "layer.tar"
    layer.write_bytes(layer_of(BASE))
    push_multiarch(registry, "blob-a", "1", {"amd64": [layer]}, compression="gzip")
    push_multiarch(registry, "blob-b", "1", {"amd64": [layer]}, compression="zstd")
    for order in (("blob-a", "blob-b"), ("blob-b", "blob-a")):
        packed = Packed(tmp_path / order[0])
        first, second = (f"{registry.host}/{name}:1" for name in order)
        more = push(registry, "more", TOP)
        packed.define(one=[first, more], two=[second])
        packed.lock()
        before = [rpm.read_bytes() for rpm in packed.build()]
        lost(packed)
        assert [rpm.read_bytes() for rpm in packed.build()] == before


def test_little_needs_no_pack(registry: Registry, tmp_path: Path) -> None:
    """The index is the whole store then."""
    packed = Packed(tmp_path / "app")
    packed.define(app=[push(registry, "little", {"file": b"content"})])
    packed.lock()
    assert packed.locked.packs == ()
    _, rpm = packed.build()
    root = packed.unpacked([rpm])
    index = root / "usr/lib/container-images/app.index"
    assert joined(root, "app").read_bytes() == index.read_bytes()
    assert any(path.endswith(b"/diff/file") for path in read_by_sqfs2tar(index).rows)
    (proof,) = verify(packed, [rpm])
    assert "1 layer: as locked" in proof
    assert packed.lock() == []


def test_repacking_makes_one_pack_of_all(registry: Registry, tmp_path: Path) -> None:
    packed = Packed(tmp_path / "app")
    packed.define(app=[push(registry, "repacked", BASE)])
    packed.lock()
    push(registry, "repacked", BASE, files("new", 5))
    packed.lock(update=True)
    assert len(packed.locked.packs) == 2
    packed.lock(repack=True)
    first = packed.locked.packs
    anew = Packed(tmp_path / "anew")
    anew.define(app=[f"{registry.host}/repacked:1"])
    anew.lock()
    assert anew.locked == packed.locked
    assert len(first) == 1


def test_packages_share_a_pack(registry: Registry, tmp_path: Path) -> None:
    """What both need, and all of it for both arches: one package of each arch, one source RPM."""
    common = files("common/", 60)
    one = push(registry, "one", common, files("one", 10))
    two = push(registry, "two", common | files("two", 10))
    packed = Packed(tmp_path / "app")
    packed.define((X86, ARM), one=[one], two=[two])
    packed.lock()
    users = [(each.arch, each.packages) for each in packed.locked.packs]
    assert users == [(a, p) for a in (ARM, X86) for p in (("one",), ("one", "two"), ("two",))]
    rpms = packed.build()
    assert len(packs(rpms)) == 6
    needed = [requires(rpm) & {f"{tags(each, '%{NAME}')} = 1-1" for each in rpms} for rpm in rpms]
    # And the program
    assert sorted(map(len, needed)) == [0] * 7 + [3] * 4
    builder = packed.builder
    sources = builder.srpms(builder.plan(packed.definition()))
    assert len(packs(sources)) == 3
    # Another directory, another cache: made anew from bits and blobs, the same bytes.
    other = Packed(tmp_path / "other")
    other.home.mkdir()
    for name in ("app.yaml", "app.lock.yaml"):
        shutil.copy(packed.home / name, other.home)
    assert [rpm.read_bytes() for rpm in other.build()] == [rpm.read_bytes() for rpm in rpms]


def published(app: Packed, where: Path) -> None:
    """Publish what was built."""
    make_repo(app.home / "out", Settings(url="http://127.0.0.1/"), Reporter())
    offers = built_offers(repo_path(app.home / "out"))
    publish(LocalSite(where, Reporter()), lambda _: offers, Settings(url="http://127.0.0.1/"))


def test_where_packs_come_from(registry: Registry, tmp_path: Path) -> None:
    """The cache, a built RPM, a published one; when the images are gone, these alone."""
    packed = Packed(tmp_path / "app")
    packed.define(app=[push(registry, "old", BASE, TOP)])
    packed.lock()
    packed.build()
    published(packed, tmp_path / "site")
    (old,) = packed.locked.packs
    cached = packed.home / "cache/packs" / old.digest[7:]
    new = {"changed": noise("changed", 90 * KIB)}
    push(registry, "old", BASE | new, TOP)
    packed.lock(update=True)
    assert old in packed.locked.packs
    assert packed.locked.packs[0].blobs[0] not in {
        layer.digest for image in packed.locked.images.values() for layer in image.layers
    }

    def where_from() -> list[str]:
        packed.said.clear()
        packed.build()
        assert cached.stat().st_size == old.size
        return [line.partition(": ")[2] for line in packed.said if line.startswith("pack ")]

    assert where_from() == []
    cached.write_bytes(b"damaged")
    rpm = next(packed.home.glob(f"out/rpms/x86_64/container-pack-{old.digest[7:31]}*.rpm"))
    shutil.rmtree(packed.home / "out/stores")
    for each in packed.home.glob("out/rpms/x86_64/app*"):
        each.unlink()
    assert where_from() == [str(rpm)]
    shutil.rmtree(packed.home / "out")
    cached.unlink()
    packed.published = published_at(str(tmp_path / "site"))
    assert where_from() == ["the published repository"]
    shutil.rmtree(packed.home / "out")
    cached.unlink()
    with WebServer(tmp_path / "site") as server:
        packed.published = published_at(server.url)
        assert where_from() == ["the published repository"]


def lost(packed: Packed) -> None:
    """Take cache and output away."""
    for each in ("out", "cache"):
        shutil.rmtree(packed.home / each, ignore_errors=True)


def change(packed: Packed, **values: object) -> None:
    """Change what the lock says of its pack, and what tells that it was changed."""
    (pack,) = packed.locked.packs
    pack = replace(pack, **values)  # type: ignore[arg-type]
    images = packing.packed_images(packed.definition(), packed.locked)
    lock = replace(packed.locked, packs=(pack,), packed=packing.packed_digest(images, [pack]))
    write_lock(lock, packed.home / "app.lock.yaml")


def other_contents(packed: Packed) -> None:
    lost(packed)
    change(packed, bits=b"\x01")


def other_layers(packed: Packed) -> None:
    lost(packed)
    change(packed, blobs=("sha256:" + "0" * 64,))


def no_layers(packed: Packed) -> None:
    lost(packed)
    change(packed, blobs=())


def other_size(packed: Packed) -> None:
    packed.build()
    change(packed, size=4096)


def damaged_rpm(packed: Packed) -> None:
    packed.build()
    shutil.rmtree(packed.home / "cache/packs")
    change(packed, blobs=())
    (rpm,) = packed.home.glob("out/rpms/*/container-pack-*.rpm")
    rpm.write_bytes(rpm.read_bytes()[:-1000])
    rpm.with_name(f"{rpm.name}.buildinfo.json").unlink()


def rpm_of_another(packed: Packed) -> None:
    packed.build()
    change(packed, digest="sha256:" + "1" * 64, blobs=())
    (rpm,) = packed.home.glob("out/rpms/*/container-pack-*.rpm")
    rpm.rename(rpm.with_name(f"container-pack-{'1' * 24}-1-1.x86_64.rpm"))


def lying_pack(packed: Packed) -> None:
    """Its lock is changed with it: each content is another than it says."""
    cache = packed.home / "cache/packs"
    (sound,) = cache.iterdir()
    with closing(Pack.open(sound)) as pack:
        parts = parts_of(pack)
    identities = [content[0] for content in parts.contents]
    for content, identity in zip(parts.contents, reversed(identities), strict=True):
        content[0] = identity
    parts.made(packed.home / "lying")
    digest = digest_of((packed.home / "lying").read_bytes())
    (packed.home / "lying").rename(cache / digest[7:])
    change(packed, digest=digest, blobs=())
    packed.build()
    shutil.rmtree(cache)
    shutil.rmtree(packed.home / "out/stores")
    for each in packed.home.glob("out/rpms/x86_64/app*"):
        each.unlink()


def empty_repository(packed: Packed) -> None:
    no_layers(packed)
    (packed.home / "site").mkdir()
    packed.published = published_at(str(packed.home / "site"))


def damaged_repository(packed: Packed) -> None:
    packed.build()
    published(packed, packed.home / "site")
    no_layers(packed)
    (primary,) = packed.home.glob("site/x86_64/repodata/*-primary.xml.gz")
    primary.write_bytes(b"damaged")
    packed.published = published_at(str(packed.home / "site"))


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (other_contents, "making it anew: is another pack: sha256:"),
        (other_layers, "making it anew: no image in the lock has the layer sha256:0000"),
        (no_layers, "the published repository: none is named"),
        (other_size, "container-pack-.*rpm: it has no such pack"),
        (damaged_rpm, "container-pack-.*rpm: .*(cannot be used|damaged)"),
        (rpm_of_another, "container-pack-111111111111111111111111-1-1.x86_64.rpm: it has no such"),
        (lying_pack, "container-pack-.*rpm: the pack .* is not what it says"),
        (empty_repository, "the published repository: it is not there"),
        (damaged_repository, "the published repository: .*sha256"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_pack_that_nobody_has(
    app: Packed, break_it: Callable[[Packed], None], reason: str
) -> None:
    break_it(app)
    (pack,) = app.locked.packs
    with pytest.raises(LockError, match=reason) as caught:
        app.build()
    assert f"nobody has the pack {pack.digest} (x86_64, app)" in caught.value.message
    assert caught.value.hint
    assert "--packs-from" in caught.value.hint
    assert "--repack" in caught.value.hint
    app.lock(repack=True)
    assert packs(app.build())


def test_a_registry_that_is_away(app: Packed, registry: Registry) -> None:
    """It is what has to come back: nobody should make packs anew for it."""
    lost(app)
    registry.stop()
    try:
        with pytest.raises(LockError, match="cannot be reached") as caught:
            app.build()
    finally:
        registry.start()
    assert str(caught.value.hint).startswith("check the network")
    assert packs(app.build())


def test_no_more_is_fetched_than_was_published(app: Packed, tmp_path: Path) -> None:
    """A server that does not end would fill the disk."""
    app.build()
    published(app, tmp_path / "site")
    no_layers(app)
    (rpm,) = tmp_path.glob("site/x86_64/Packages/*/container-pack-*.rpm")
    size = rpm.stat().st_size
    with rpm.open("ab") as content, WebServer(tmp_path / "site") as server:
        content.truncate(size + 1)
        app.published = published_at(server.url)
        with pytest.raises(LockError, match=f"more than {size} bytes come"):
            app.build()


def test_updating_needs_the_old_packs(registry: Registry, tmp_path: Path) -> None:
    packed = Packed(tmp_path / "app")
    packed.define(app=[push(registry, "lost", BASE)])
    packed.lock()
    lost(packed)
    assert packed.lock() == []  # nothing changed: they need not be there
    push(registry, "lost", BASE, files("new", 5))
    packed.lock(update=True)  # made anew from the images of the old lock
    assert len(packed.locked.packs) == 2
    change_all = [replace(pack, blobs=()) for pack in packed.locked.packs]
    write_lock(replace(packed.locked, packs=tuple(change_all)), packed.home / "app.lock.yaml")
    lost(packed)
    push(registry, "lost", BASE, files("newer", 5))
    with pytest.raises(LockError, match="nobody has the pack"):
        packed.lock(update=True)


def test_a_pack_may_not_be_too_large(app: Packed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_image, "SIZE_LIMIT", 100_000)
    with pytest.raises(BuildError, match=r"the new pack of app has 7.* kB") as caught:
        app.lock(repack=True)
    assert caught.value.hint == "spread the images over several packages"


def moved(packed: Packed) -> None:
    images = [image for image, _ in packed.locked.images]
    packed.define(other=images)


def not_packed(packed: Packed) -> None:
    packed.layers = "bundled"


def edit(packed: Packed, *packs: LockedPack) -> None:
    """Change the packs of the lock, and nothing else."""
    write_lock(replace(packed.locked, packs=packs), packed.home / "app.lock.yaml")


def of_nobody(packed: Packed) -> None:
    edit(packed, replace(packed.locked.packs[0], packages=("app", "other")))


def of_another_arch(packed: Packed) -> None:
    edit(packed, replace(packed.locked.packs[0], arch=ARM))


def lost_in_a_merge(packed: Packed) -> None:
    edit(packed)


def never_packed(packed: Packed) -> None:
    write_lock(Lock(packed.locked.images), packed.home / "app.lock.yaml")


@pytest.mark.parametrize(
    "change_it", [moved, not_packed, of_nobody, of_another_arch, lost_in_a_merge, never_packed]
)
def test_packs_of_something_else_are_refused(
    app: Packed, change_it: Callable[[Packed], None]
) -> None:
    change_it(app)
    with pytest.raises(LockError, match="the packs are not those") as caught:
        app.build()
    assert caught.value.hint is not None
    assert "paack lock --def" in caught.value.hint
    problems = lock_problems(app.definition(), app.locked)
    assert "the packs are not those" in "".join(each.message for each in problems)
    app.lock()
    app.build()


def verify(packed: Packed, rpms: Sequence[Path]) -> list[str]:
    """Verify RPMs; return what was proved of each."""
    registry = RegistryClient(Cache(packed.home / "cache"), packed.home, Reporter())
    verifier = Verifier(registry, packed.home / "work", output=packed.home / "out")
    return [str(each) for each in verifier.verify_all(rpms)]


def test_verify_proves_the_whole_store(app: Packed) -> None:
    """From the RPMs alone, wherever they are."""
    rpms = app.build()
    moved = [Path(shutil.copy(rpm, app.home)) for rpm in rpms]
    lost(app)
    pack, program, one = verify(app, moved)
    assert ": the pack of its name, " in pack
    assert ": no images inside, " in program
    assert ": 1 image, 2 layers: as locked, " in one
    with pytest.raises(VerificationError, match="has a part of its images") as caught:
        verify(app, moved[1:])
    assert caught.value.hint is not None
    assert "name the RPMs of its layers and packs" in caught.value.hint
    moved[0].unlink()
    lost(app)
    with pytest.raises(VerificationError, match="nobody has the pack"):
        verify(app, moved[1:])


def other_file(sources: Path, _: str) -> None:
    (pack,) = sources.glob("*.pack")
    content = bytearray(pack.read_bytes())
    content[5000] ^= 1
    pack.write_bytes(content)


def one_more_file(_: Path, spec: str) -> str:
    spec = spec.replace("%install\n", '%install\ninstall -D /dev/null "$RPM_BUILD_ROOT"/usr/x\n')
    return spec.replace("%changelog", "/usr/x\n%changelog")


def another_version(_: Path, spec: str) -> str:
    return spec.replace("Version:        1", "Version:        2")


def other_table(sources: Path, _: str) -> None:
    (table,) = sources.glob("*.packs")
    table.write_text(table.read_text().replace(" 0 8 ", " 8 8 "))


def no_table(sources: Path, spec: str) -> str:
    lines = spec.splitlines(keepends=True)
    return "".join(line for line in lines if "app.packs" not in line)


def other_index(sources: Path, _: str) -> None:
    (index,) = sources.glob("*.index")
    content = bytearray(index.read_bytes())
    content[-3000] ^= 1
    index.write_bytes(content)


def no_requirement(_: Path, spec: str) -> str:
    lines = spec.splitlines(keepends=True)
    return "".join(line for line in lines if "Requires:       container-pack" not in line)


def fewer_packs(sources: Path, _: str) -> None:
    (lock,) = sources.glob("*.lock.yaml")
    lock.write_text(lock.read_text()[: lock.read_text().index("packs:")])


@pytest.mark.parametrize(
    ("number", "change_it", "reason"),
    [
        (0, other_file, "is not the pack container-pack-.*: its SHA-256 is"),
        (0, one_more_file, "/usr/x is not the pack|/usr/x: is not the pack"),
        (0, another_version, "is version 2-1, not 1-1"),
        (-1, other_table, "app.packs: is not that of the index"),
        (-1, no_table, "holds 0 store images"),
        (-1, other_index, "app.packs: is not that of the index"),
        (-1, no_requirement, "Requires"),
        (-1, fewer_packs, "Requires"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_verify_finds_what_was_changed(
    app: Packed, number: int, change_it: Callable[[Path, str], str | None], reason: str
) -> None:
    builder = app.builder
    plan = builder.plan(app.definition())
    rpms, top = builder.rpms(plan), app.home / "top"
    sources = unpack_rpm(builder.srpms(plan)[number], top / "SOURCES")
    (spec,) = sources.glob("*.spec")
    (top / "SPECS").mkdir()
    text = spec.read_text()
    (top / "SPECS" / spec.name).write_text(change_it(sources, text) or text)
    command = ["rpmbuild", "-bb", "--target", X86, "--define", f"_topdir {top}"]
    run([*command, str(top / "SPECS" / spec.name)])
    rpms[number] = next((top / "RPMS").rglob("*.rpm"))
    with pytest.raises(VerificationError, match=reason):
        verify(app, rpms)


def test_report_and_diff_tell_what_an_update_downloads(registry: Registry, tmp_path: Path) -> None:
    packed = Packed(tmp_path / "app")
    packed.define(app=[push(registry, "told", BASE, TOP)])
    packed.lock()
    before = Path(shutil.copy(packed.build()[-1], tmp_path / "before.rpm"))
    push(registry, "told", BASE | {"usr/lib/3": noise("3b", 90 * KIB)}, TOP)
    packed.lock(update=True)
    rpms = packed.build()
    source = packed.builder.packs(packed.definition(), Lock())
    (first,) = read_reports([before], tmp_path / "work", source)
    (second,) = read_reports(rpms[-1:], tmp_path / "work", source)
    (one,), (old, new) = first.rpms[0].packs, second.rpms[0].packs
    assert (one.dead, old.live + old.dead) == (0, one.live)
    # The file that was changed, and the tar-split of its layer
    assert 20 * KIB <= old.dead < 80 * KIB
    assert new.dead == 0
    assert 90 * KIB <= new.live < new.size
    (rpm,) = second.rpms
    assert sum(part.size for part in rpm.parts) == rpms[-1].stat().st_size
    assert rpm.on_disk == sum(pack.size for pack in rpm.packs) + rpm.parts[1].size
    assert rpm.update_of(rpm.images[0]) > rpm.facts.size + 5 * 20 * KIB
    lines = list(report_lines(second, "page.html"))
    (outlook,) = [line for line in lines if "not in use" in line]
    assert "an update repacks above 40 %, and with more than 12 packs (now 2)" in outlook
    (text,) = json.loads(report_json([(second, "page.html")]))
    assert [pack["name"] for pack in text["rpms"][0]["packs"]] == [
        tags(rpm, "%{NAME}") for rpm in packs(rpms)
    ]
    assert "everything else" in render_page(second)
    registry_client = RegistryClient(Cache(packed.home / "cache"), packed.home, Reporter())
    verifier = Verifier(registry_client, tmp_path / "verify", output=packed.home / "out")
    sides = [
        side_of(str(each), verifier, tmp_path / f"side{number}")
        for number, each in enumerate((before, rpms[-1]))
    ]
    found = diff(*sides, files=True)
    assert found.download == rpms[-1].stat().st_size + new.size
    assert any("usr/lib/3" in line for line in found.lines())
    assert "the package, and 1 of 2 packages of packs" in found.sizes()
    with pytest.raises(UsageError, match="has no images"):
        side_of(str(rpms[0]), verifier, tmp_path / "side2")
    # Packs alone are new: no image is.
    packed.lock(repack=True)
    repacked = side_of(str(packed.build()[-1]), verifier, tmp_path / "side3")
    nothing, sizes = diff(sides[1], repacked).lines()
    assert nothing == "no image changes"
    assert "the package, and 1 of 1 package of packs" in sizes


def test_publishing_jobs_publish_new_packs_alone(registry: Registry, tmp_path: Path) -> None:
    """From anywhere; a package that nothing needs any more goes with its packs."""
    packed = Packed(tmp_path / "app")
    packed.define(app=[push(registry, "job", BASE, TOP)])
    packed.lock()
    site = LocalSite(tmp_path / "site", Reporter())

    def job(packed: Packed, **more: int) -> list[str]:
        settings = Settings(url="http://127.0.0.1/", **more)  # type: ignore[arg-type]
        builder = replace(packed.builder, frozen=True)
        done = publish_job(builder, [packed.definition()], site, settings, sources=True)
        return sorted(path.rpartition("/")[2] for path in done.packages)

    (old,) = [f"container-pack-{pack.digest[7:31]}-1-1" for pack in packed.locked.packs]
    made = [f"{name}.{arch}.rpm" for name in ("app-1-1", old) for arch in ("src", X86)]
    program = f"{program_name()}-1-1"
    assert job(packed) == sorted([*made, f"{program}.src.rpm", f"{program}.noarch.rpm"])
    assert job(packed) == []
    push(registry, "job", files("all/", 30))
    packed.file.write_text(packed.file.read_text().replace("version: '1'", "version: '2'"))
    packed.lock(update=True)
    elsewhere = Packed(tmp_path / "elsewhere", published=published_at(str(tmp_path / "site")))
    elsewhere.home.mkdir()
    for name in ("app.yaml", "app.lock.yaml"):
        shutil.copy(packed.home / name, elsewhere.home)
    (new,) = [f"container-pack-{pack.digest[7:31]}-1-1" for pack in packed.locked.packs]
    assert new != old
    assert f"{new}.x86_64.rpm" in job(elsewhere, versions=1)
    there = {path.name for path in (tmp_path / "site/x86_64").rglob("*.rpm")}
    entries = read_repodata(tmp_path / "site/x86_64/repodata").entries
    assert set(entries) == {"app-2-1.x86_64.rpm", f"{new}.x86_64.rpm", f"{program}.noarch.rpm"}
    assert f"{old}.x86_64.rpm" in there  # older generations have it


def test_the_program_builds_over_packs(registry: Registry, tmp_path: Path) -> None:
    """Its words: lock, build, another builder with --packs-from, --repack, verify, report."""
    image = push(registry, "words", BASE, TOP)
    paack = Paack(tmp_path / "one", registry.registries_conf)
    paack.home.mkdir()
    definition = paack.define(definition_text("app", [image], layers="packed"))
    paack.call("lock", "--def", str(definition))
    rpms = paack.build(definition)
    assert len(packs(rpms)) == 1
    paack.call("verify", *map(str, rpms))
    assert "package of a pack" in paack.call("report", "--rpm", str(rpms[-1])).stdout
    paack.call("repo.build", "--output", str(paack.output), "--url", "http://127.0.0.1/")
    other = Paack(tmp_path / "two", registry.registries_conf)
    other.home.mkdir()
    for name in ("app.yaml", "app.lock.yaml"):
        shutil.copy(paack.home / name, other.home)
    push(registry, "words", BASE, files("new", 5))
    words = ["lock", "--def", "app.yaml", "--update"]
    where = ["--packs-from", str(paack.output / "repo")]
    assert "1 kept, 1 new" in other.call(*words, *where).stderr
    assert len(packs(other.build(other.home / "app.yaml", *where))) == 2
    assert "0 kept, 1 new" in other.call(*words, "--repack").stderr
    alone = Path(shutil.copy(rpms[-1], tmp_path / rpms[-1].name))
    lonely = Paack(tmp_path).call("report", "--rpm", str(alone), check=False)
    assert "nobody has the pack" in lonely.stderr
    assert "put the RPMs of its packs beside it" in lonely.stderr
    missing = other.call(*words, "--packs-from", "nowhere", check=False)
    assert (missing.returncode, "nowhere: no directory" in missing.stderr) == (2, True)
