"""Layers as shared packages: built alike by anybody, found by podman in stores of any order."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from paack.helpers.lock.lock import read_lock
from paack.helpers.store.image_reader import read_image
from tests.support import oddities
from tests.support.commands import run
from tests.support.debian import push_multiarch
from tests.support.host import Host
from tests.support.image_directory import RPM_ARCHES
from tests.support.podman import KINDS, Kind, Podman
from tests.support.product import (
    REPOSITORY,
    Paack,
    newer_erofs_utils,
    store_image,
    unpack_rpm,
)
from tests.support.registry import Registry
from tests.support.rpm_query import provides, requires, tags
from tests.support.shared_layers import GROUP, Release, build, package
from tests.support.thorough import THOROUGH
from tests.support.web_server import WebServer
from tests.support.workloads import MB, Layer, layer_tar, push_workload

ONE = [Layer("runtime", 3 * MB), Layer("top", MB), Layer("tiny", 100)]
TWO = [Layer("other", MB)]
FILESYSTEMS = ("squashfs", "erofs")
#: In /etc/rpm, where rpmbuild reads them whatever its HOME is.
MACROS = """\
%packager evelyn-builder
%vendor evelyn-builder
%distribution evelyn-builder
%bugurl https://evelyn-builder
%disturl https://evelyn-builder
%disttag evelyn-builder
"""
#: A prefix: another time, and another host name.
ELSEWHERE = (
    "unshare", "--uts", "sh", "-c", 'hostname evelyn-builder && exec "$@"', "sh",
    "faketime", "2031-05-06 07:08:09",
)  # fmt: skip
PLAIN_SPEC = """\
Name: plain
Version: 1
Release: 1
Summary: What rpmbuild writes of its host
License: MIT
%description
None
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("layers")


@pytest.fixture(scope="module")
def registry(base: Path) -> Iterator[Registry]:
    with Registry(base) as running:
        for name, layers in (("one", ONE), ("two", TWO), ("three", [Layer("third", MB)])):
            push_workload(running, name, layers, base, arches=("amd64", "arm64"))
        odd = [base / f"{name}.tar" for name in ("files", "lower", "upper")]
        for layer in odd:
            layer.write_bytes(oddities.ALL[layer.stem]())
        # The odd ones in packages of layers, between and beside large ones
        large = [layer_tar(base, Layer(name, 3 * MB)) for name in ("below", "above")]
        stack = [*odd, large[0], *odd[1:], large[1]]
        push_multiarch(running, "odd", "1", {"amd64": stack, "arm64": stack})
        yield running


@pytest.fixture(scope="module")
def release(base: Path, registry: Registry) -> Release:
    """Two packages of one definition, on one base."""
    one = package("one", [f"{registry.host}/one:1"])
    return build(base / "a", registry, one, package("two", [f"{registry.host}/two:1"]))


def test_packages_require_their_layers(release: Release) -> None:
    lock = read_lock(release.paack.home / "app.lock.yaml")
    assert lock is not None
    assert [each.arch for each in lock.groups] == ["aarch64"] * 4 + ["x86_64"] * 4
    for arch in RPM_ARCHES:
        *groups, one, two = release.of(arch)
        assert len(groups) == 4
        names = [tags(each, "%{NAME} = %{VERSION}-%{RELEASE}") for each in groups]
        needed = [requires(each) & set(names) for each in (one, two)]
        assert needed[0] | needed[1] == set(names)
        # The base is the same package for both
        assert [len(each) for each in needed] == [3, 2]
        assert len(needed[0] & needed[1]) == 1
        for group in groups:
            assert not any("container-image" in each for each in provides(group))


@pytest.mark.parametrize("filesystem", FILESYSTEMS if THOROUGH else FILESYSTEMS[:1])
def test_layers_are_those_of_a_bundled_store(
    base: Path, registry: Registry, filesystem: str
) -> None:
    """Each in one store, and not a byte is different, however odd the files are."""
    tools = newer_erofs_utils(base / "bin") if filesystem == "erofs" else {}
    images = [f"{registry.host}/{name}:1" for name in ("one", "two", "odd")]
    kinds: list[Release] = []
    for layers in ("shared", "bundled"):
        text = package("all", images, layers=layers, filesystem=filesystem)
        kinds.append(build(base / f"{layers}-{filesystem}", registry, text, **tools))
    shared, bundled = kinds
    for arch in RPM_ARCHES:
        compare_layers(shared, bundled, filesystem, arch)


def compare_layers(shared: Release, bundled: Release, filesystem: str, arch: str) -> None:
    rpms = shared.of(arch)
    assert len(rpms) == 1 + 6
    (whole,) = bundled.of(arch)
    expected = read_image(bundled.store(whole), filesystem)
    found = [read_image(shared.store(rpm), filesystem) for rpm in rpms]
    times: Counter[bytes] = Counter()
    for table in found:
        for path in filter(is_shared, table.paths()):
            assert table.row(path) == expected.row(path), path
            assert table.groups().get(path) == expected.groups().get(path)
            times[path] += path.endswith((b"/link", b".tar-split.gz"))
    assert set(times.values()) == {0, 1}
    assert times.keys() == set(filter(is_shared, expected.paths()))
    records = [record for rpm in rpms for record in layer_records(shared, rpm)]
    assert sorted(records, key=str) == sorted(layer_records(bundled, whole), key=str)


def is_shared(path: bytes) -> bool:
    """Whether a path of a store is the same in a larger one."""
    lists = (b"layers.json", b"images.json", b"layers.lock", b"images.lock")
    return not path.endswith(lists)


def layer_records(release: Release, rpm: Path) -> list[dict[str, object]]:
    """Return the list of layers in a store."""
    place = Path("/mnt/store")
    store = release.store(rpm)
    with Host(Path("/"), shared=[release.paack.home]) as host:
        host.mount_image(store, place, store.suffix[1:])
        text = host.run(["cat", f"{place}/overlay-layers/layers.json"]).stdout
    found: list[dict[str, object]] = json.loads(text)
    return found


def test_stores_hold_what_they_should(release: Release) -> None:
    *groups, one, two = release.of()
    sizes = [len(layer_records(release, each)) for each in groups]
    assert sizes == [1, 1, 1, 1]
    # What is too small for a package is beside the images
    assert len(layer_records(release, one)) == 1
    assert layer_records(release, two) == []


@pytest.mark.parametrize("kind", KINDS)
def test_podman_runs_images_of_stores_in_any_order(
    base: Path, registry: Registry, release: Release, kind: Kind
) -> None:
    images = {f"{registry.host}/one:1": ONE, f"{registry.host}/two:1": TWO}
    with Podman(kind, base) as podman:
        stores = mounted(podman, release, release.of())
        for order in (stores, stores[::-1]):
            podman.use_stores(order)
            listed = json.loads(podman.podman("images", "--format=json").stdout)
            assert all(each["ReadOnly"] for each in listed)
            names = {name for each in listed for name in each["Names"] if "@" not in name}
            assert names == set(images)
            for image, layers in images.items():
                found = podman.run(image, "cat", *(f"/{layer.name}" for layer in layers)).stdout
                assert found == "1" * len(layers)
        for image in images:
            digest = podman.podman("image", "inspect", "--format={{.Digest}}", image).stdout
            by_digest = f"{image.rpartition(':')[0]}@{digest.strip()}"
            assert podman.run(by_digest, "cat", "/bin/nothing", check=False).returncode == 1
            target = podman.home / "copy"
            podman.podman("push", image, f"dir:{target}", "--remove-signatures")
            shutil.rmtree(target)


def mounted(podman: Podman, release: Release, rpms: Sequence[Path]) -> list[Path]:
    places = [Path("/run/paack") / rpm.name for rpm in rpms]
    for rpm, place in zip(rpms, places, strict=True):
        podman.mount_image(release.store(rpm), place, "squashfs")
    return places


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_that_lacks_layers_stops_older_podman(
    base: Path, registry: Registry, release: Release, kind: Kind
) -> None:
    """Hence the exact requirements, and the order of the mount units."""
    with Podman(kind, base) as podman:
        *groups, one, two = mounted(podman, release, release.of())
        podman.use_stores([*groups[:-1], one, two])
        done = podman.podman("images", "--format={{.Repository}}", check=False)
        if kind == "debian12":
            assert "layer not known" in done.stderr
        else:
            assert len(done.stdout.split()) == 1
        # An empty store instead of the images
        podman.use_stores([*groups[:-1]])
        assert podman.podman("images", "--quiet").stdout == ""


@pytest.mark.parametrize("kind", KINDS)
def test_pulls_do_not_depend_on_shared_layers(
    base: Path, registry: Registry, release: Release, kind: Kind
) -> None:
    with Podman(kind, base, registries_conf=registry.registries_conf) as podman:
        podman.use_stores(mounted(podman, release, release.of()))
        podman.podman("pull", "--quiet", f"{registry.host}/three:1")
        podman.use_stores([])
        assert podman.run(f"{registry.host}/three:1", "cat", "/third").stdout == "1"


def test_anybody_builds_the_same_package(base: Path, registry: Registry, release: Release) -> None:
    """For another definition, with another lock, at another time, on another host."""
    text = package(
        "elsewhere", [f"{registry.host}/three:1", f"{registry.host}/two:1"],
        license="MIT", summary="Another", url="https://example.com",
    )  # fmt: skip
    home = base / "c"
    home.mkdir()
    paack = Paack(home, registry.registries_conf, {"SOURCE_DATE_EPOCH": "1900000000"})
    definition = paack.define("packages:\n" + text)
    with Host(Path("/"), shared=[base, REPOSITORY, Path(release.rpms[0]).parents[3]]) as host:
        host.outside(Path("/etc/rpm")).mkdir(exist_ok=True)
        host.outside(Path("/etc/rpm/macros.builder")).write_text(MACROS)
        assert left_to_itself(host, home) == "evelyn-builder evelyn-builder"
        options = ["--def", str(definition), "--output", str(paack.output)]
        for task in ("build", "srpm"):
            command, env = paack.command(task, *options)
            done = host.run([*ELSEWHERE, *command], env=env)
    assert done.stdout
    release.paack.call(
        "srpm", "--def", str(release.definition), "--output", str(release.paack.output)
    )
    ours, theirs = (all_groups(each.output) for each in (release.paack, paack))
    common = ours.keys() & theirs.keys()
    # The base and the layers of "two", for two arches: RPM and source RPM
    assert len(common) == 2 * 2 * 2
    for name in common:
        assert ours[name].read_bytes() == theirs[name].read_bytes(), name
        assert b"evelyn" not in run(["rpm", "-qp", "--xml", str(theirs[name])]).stdout.encode()


def left_to_itself(host: Host, directory: Path) -> str:
    """Return the vendor and host that rpmbuild writes there when a spec does not say any."""
    spec = directory / "plain.spec"
    spec.write_text(PLAIN_SPEC)
    define = ["--define", f"_topdir {directory}/plain"]
    host.run([*ELSEWHERE, "rpmbuild", "-bs", "--quiet", *define, str(spec)])
    (rpm,) = (directory / "plain" / "SRPMS").iterdir()
    return tags(rpm, "%{VENDOR} %{BUILDHOST}")


def all_groups(output: Path) -> dict[str, Path]:
    return {path.name: path for path in output.rglob(f"{GROUP}*.rpm") if "work" not in path.parts}


def test_a_group_is_not_built_again(base: Path, registry: Registry, release: Release) -> None:
    home = base / "again"
    shutil.copytree(release.paack.home / "out" / "rpms", home / "out" / "rpms")
    shutil.copy(release.paack.home / "app.lock.yaml", home)
    # Another version of a tool made it: that is no reason
    for info in (home / "out" / "rpms").rglob(f"{GROUP}*.json"):
        assert json.loads(info.read_text())["inputs"]["libzstd"]
    one = package("one", [f"{registry.host}/one:1"])
    again = build(home, registry, one, package("two", [f"{registry.host}/two:1"]))
    assert [rpm.name for rpm in again.rpms] == [rpm.name for rpm in release.rpms]
    assert not (home / "out" / "stores").exists()


@pytest.fixture(scope="module")
def update(base: Path, registry: Registry) -> tuple[Release, Release]:
    """Two releases, of which the second has another top layer."""
    lower = Layer("runtime", 4 * MB)
    text = package("four", [f"{registry.host}/four:1"], arches="[x86_64]")
    push_workload(registry, "four", [lower, Layer("top", 3 * MB)], base)
    before = build(base / "update", registry, text)
    push_workload(registry, "four", [lower, Layer("top", 3 * MB, "2")], base)
    said = before.paack.call("lock", "--def", str(before.definition), "--update").stderr
    assert "packages of layers (x86_64): 1 kept, 1 new, 1 gone" in said
    return before, build(base / "update", registry, text.replace("'1'", "'2'"))


def test_an_update_keeps_what_did_not_change(update: tuple[Release, Release]) -> None:
    old, new = ({rpm.name for rpm in each.of()} for each in update)
    assert len(new - old) == 2
    assert sum(name.startswith(GROUP) for name in new - old) == 1
    assert sum(name.startswith(GROUP) for name in new & old) == 1


def test_ostree_pulls_the_layer_that_changed(base: Path, update: tuple[Release, Release]) -> None:
    """Commits of installed trees, pulled over HTTP: bytes of all objects that were asked for."""
    origin, device = base / "origin", base / "device"
    for repository, mode in ((origin, "archive"), (device, "bare")):
        repository.mkdir()
        run(["ostree", f"--repo={repository}", "init", f"--mode={mode}"])
        run(["ostree", f"--repo={repository}", "config", "set", "core.fsync", "false"])
    sizes = []
    with WebServer(origin) as web:
        remote = ["remote", "add", "--no-gpg-verify", "origin", web.url]
        run(["ostree", f"--repo={device}", *remote])
        for number, release in enumerate(update):
            tree = base / f"tree-{number}"
            for rpm in release.of():
                unpack_rpm(rpm, tree)
            commit = ["commit", "--branch=device", f"--tree=dir={tree}"]
            run(["ostree", f"--repo={origin}", *commit])
            asked = len(web.requests)
            run(["ostree", f"--repo={device}", "pull", "origin", "device"])
            found = [path for path, status in web.requests[asked:] if status == 200]
            sizes.append(sum((origin / path.lstrip("/")).stat().st_size for path in found))
    whole, changed = sizes
    assert whole > 8 * MB
    assert 3 * MB < changed < 3 * MB * 1.05


def test_verify_proves_all_of_it(release: Release) -> None:
    """In any order: what packages of layers should have is in the locks of others."""
    groups, others = (
        release.groups(),
        [each for each in release.of() if each not in release.groups()],
    )
    done = verify(release, *groups, *others)
    assert done.returncode == 0
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [
        str(each) for each in (*groups, *others)
    ]
    assert f"{others[0]}: 1 image, 1 layer: as locked" in done.stdout
    assert f"{groups[0]}: 1 layer: as locked" in done.stdout
    alone = verify(release, groups[0])
    assert alone.returncode == 7
    assert "no package that is verified with it needs these layers" in alone.stderr
    # Images whose layers are elsewhere are not proved without these
    one = next(each for each in others if each.name.startswith("one-"))
    first, *rest = release.needed(one)
    lacking = verify(release, one, *rest)
    assert lacking.returncode == 7
    assert (
        f"{one}: 1 difference:\n  {tags(first, '%{NAME}')}: is not verified with" in lacking.stderr
    )
    assert "hint: name the RPMs of its layers and packs" in lacking.stderr
    assert [line.partition(":")[0] for line in lacking.stdout.splitlines()] == list(map(str, rest))
    assert verify(release, one, *rest, first).returncode == 0


def verify(release: Release, *rpms: Path) -> subprocess.CompletedProcess[str]:
    return release.paack.call("verify", *map(str, rpms), check=False)


@pytest.mark.parametrize("what", ["file", "layers", "name"])
def test_verify_finds_another_package_of_layers(base: Path, release: Release, what: str) -> None:
    """Rebuilt by somebody else, with other bytes, other layers, or under another's name."""
    one = next(each for each in release.of() if each.name.startswith("one-"))
    target, other = release.groups()[-1], release.groups()[0]
    source = target if what == "file" else other
    tree = unpack_rpm(source, base / f"bad-{what}")
    name, new = (tags(each, "%{NAME}") for each in (source, target))
    if what == "file":
        store = store_image(tree)
        unpacked = base / "bad-store"
        run(["unsquashfs", "-dest", str(unpacked), str(store)])
        data = next(path for path in unpacked.rglob("*") if path.suffix == ".data")
        data.write_bytes(data.read_bytes()[:-1] + b"?")
        store.unlink()
        run(["mksquashfs", str(unpacked), str(store), "-comp", "zstd", "-quiet", "-no-progress"])
    if what == "layers":
        new = name
        listed = tree / f"usr/share/paack/{name}/layers.json"
        document = json.loads(listed.read_text())
        document["layers"][0]["parents"] = ["f" * 64]
        listed.write_text(json.dumps(document))
    rpm = repacked(base / f"repacked-{what}", tree, name, new)
    others = [each for each in release.needed(one) if tags(each, "%{NAME}") != new]
    said = verify(release, one, *others, rpm)
    expected = {
        "file": "layer sha256:",
        "layers": "is another layer in the image that it belongs to",
        "name": "no package that is verified with it needs these layers under this name",
    }
    assert said.returncode == 7, said.stdout
    assert expected[what] in said.stderr
    assert f"{one}: 1 image, 1 layer: as locked" in said.stdout


def test_verify_compares_what_rpm_and_systemd_see(base: Path, release: Release) -> None:
    """A package that says less of its layers than its list has images without layers."""
    one = next(each for each in release.of() if each.name.startswith("one-"))
    names = sorted(tags(each, "%{NAME}") for each in release.needed(one))
    tree = unpack_rpm(one, base / "bad-needs")
    (drop_in,) = tree.rglob("10-layers.conf")
    escaped = names[0].replace("-", "\\x2d")
    unit = f"run-paack-{escaped}.mount"
    text = drop_in.read_text()
    assert text.count(unit) == 2
    drop_in.write_text(text.replace(unit, "", 1))
    wanted = [f"Requires: {each} = 1-1" for each in [*names[1:], "container-layers-" + "0" * 24]]
    wanted += [f"Provides: {each}" for each in provides(one) if "container-image" in each]
    rpm = repacked(base / "repacked-needs", tree, "one", "one", *wanted)
    said = verify(release, rpm, *release.needed(one))
    assert said.returncode == 7
    assert f"  Requires: {names[0]} = 1-1 is missing\n" in said.stderr
    assert f"  Requires: container-layers-{'0' * 24} = 1-1 is not of the lock\n" in said.stderr
    assert f"run-paack-one.mount.d/10-layers.conf Requires: {unit} is missing\n" in said.stderr
    assert "10-layers.conf After" not in said.stderr


def repacked(directory: Path, tree: Path, old: str, new: str, *lines: str) -> Path:
    """Make an RPM called ``new`` of the files of the RPM ``old``; ``lines`` go into its spec."""
    directory.mkdir()
    share = tree / "usr/share/paack"
    if old != new:
        (share / old).rename(share / new)
    spec = directory / "any.spec"
    spec.write_text(
        f"Name: {new}\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\n"
        f"{''.join(each + chr(10) for each in lines)}%description\nx\n"
        f"%install\ncp -a '{tree}/.' %{{buildroot}}\n%files\n/usr\n/etc\n"
    )
    run(["rpmbuild", "-bb", "--define", f"_topdir {directory}", str(spec)])
    (rpm,) = directory.rglob("RPMS/*/*.rpm")
    return rpm


def test_diff_says_what_is_downloaded(base: Path, registry: Registry, release: Release) -> None:
    old = release.paack.home / "app.lock.yaml"
    home = base / "newer"
    home.mkdir()
    shutil.copy(old, home / "app.lock.yaml")
    top = [ONE[0], Layer("top", MB, "new"), ONE[2]]
    push_workload(registry, "one", top, base, tag="2", arches=("amd64", "arm64"))
    one = package("one", [f"{registry.host}/one:2"], arches="[x86_64]")
    two = package("two", [f"{registry.host}/two:1"], arches="[x86_64]")
    paack = Paack(home, registry.registries_conf)
    definition = paack.define("packages:\n" + one + two)
    paack.call("lock", "--def", str(definition))
    said = paack.call("diff", str(old), str(definition)).stdout
    assert "to download: about 1.0 MB: 1 of 4 packages of layers" in said
    rpms = [each for each in paack.build(definition) if each.name == "one-1-1.x86_64.rpm"]
    before = next(each for each in release.of() if each.name == rpms[0].name)
    said = paack.call("diff", str(before), str(rpms[0])).stdout
    assert "to download: about 1.0 MB: the package, and 1 of 3 packages of layers" in said
    files = paack.call("diff", str(before), str(rpms[0]), "--files").stdout
    assert "top.data" in files


def test_report_says_what_an_update_downloads(release: Release) -> None:
    *groups, one, _ = release.of()
    said = release.paack.call("report", str(one)).stdout
    for each in groups:
        assert (tags(each, "%{NAME}") in said) is (each in release.needed(one))
    assert "when the top layer changes of" in said
    document = json.loads(release.paack.call("report", "--json", str(one)).stdout)
    packages = document[0]["rpms"][0]["layerPackages"]
    assert sorted(each["name"] for each in packages) == sorted(
        tags(each, "%{NAME}") for each in release.needed(one)
    )
    assert release.paack.call("report", str(groups[0])).returncode == 0
    everything = release.paack.call("report", "--output", str(release.paack.output)).stdout
    assert not any(line.startswith(GROUP) for line in everything.splitlines())
