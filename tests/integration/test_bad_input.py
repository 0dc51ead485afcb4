"""Bad input: each case with its exit code, a message that names the place, a hint, no remains."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from paack.helpers.blobs.blob import digest_of
from paack.helpers.blobs.cache import Cache
from paack.helpers.lock.lock import Lock, dump, read_lock
from paack.helpers.oci import manifest as oci
from paack.helpers.oci.layout import ImageSpec, Packing, write_image
from tests.support import oddities
from tests.support.hostile_registry import HostileRegistry
from tests.support.oddities import LayerTar
from tests.support.product import Paack, definition_text
from tests.support.registry import Registry
from tests.support.rights import need_root

NOWHERE = "127.0.0.1:1"


@dataclass
class Situation:
    """Where a case happens."""

    paack: Paack
    home: Path
    options: list[str] = field(default_factory=list)
    #: What may be there afterwards besides the definition and what the case itself made.
    remains: set[str] = field(default_factory=set)

    def define(self, *images: str, **more: str) -> str:
        """Write app.yaml and return its path."""
        return str(self.paack.define(definition_text("app", images, **more)))

    def layout(self, *layers: bytes, packing: Packing = Packing.NONE, **more: object) -> str:
        """Write an image into a layout and return it as a source."""
        spec = ImageSpec("x86_64", layers, packing=packing, **more)  # type: ignore[arg-type]
        write_image(self.home / "layout", "localhost/app:1", [spec])
        return "oci:layout:localhost/app:1"

    def locked(self, *images: str) -> str:
        """Lock a definition, and return it."""
        path = self.define(*images)
        self.paack.call("lock", "--def", path)
        return path

    def blobs(self) -> list[Path]:
        """Return the blobs of the cache, the largest last."""
        found = (self.paack.cache / "blobs" / "sha256").iterdir()
        return sorted(found, key=lambda path: path.stat().st_size)


@dataclass(frozen=True)
class Case:
    """``arrange`` returns the definition's path; ``said`` are patterns of what stderr holds."""

    status: int
    said: tuple[str, ...]
    arrange: Callable[[Situation], str]


def layer(name: str, **more: object) -> bytes:
    tar = LayerTar()
    tar.add(name, b"x", **more)  # type: ignore[arg-type]
    return tar.close()


def unknown_key(s: Situation) -> str:
    return str(
        s.paack.define("packages:\n- name: a\n  version: 1\n  imags: []\n  arches: [x86_64]\n")
    )


def missing_name(s: Situation) -> str:
    return str(s.paack.define("packages:\n- version: 1\n  arches: [x86_64]\n  images: [a.b/c:1]\n"))


def bad_arch(s: Situation) -> str:
    return str(s.paack.define(definition_text("a", ["a.b/c:1"], arches=["x86-64"])))


def damaged_blob(s: Situation) -> str:
    path = s.locked(s.layout(oddities.lower()))
    blob = s.blobs()[-1]
    content = blob.read_bytes()
    blob.write_bytes(content[:600] + b"X" + content[601:])
    return path


def truncated_blob(s: Situation) -> str:
    source = s.layout(oddities.lower())
    path = s.locked(source)
    os.truncate(s.blobs()[-1], 1000)
    shutil.rmtree(s.home / "layout")
    return path


def corrupt_gzip(s: Situation) -> str:
    packed = bytearray(gzip.compress(oddities.lower(), mtime=0))
    packed[len(packed) // 2] ^= 0xFF
    return s.define(_layout_with_blob(s, bytes(packed), digest_of(oddities.lower())))


def not_a_tar(s: Situation) -> str:
    return s.define(s.layout(b"this is no tar archive" * 100))


def wrong_diff_id(s: Situation) -> str:
    return s.define(_layout_with_blob(s, oddities.lower(), digest_of(b"another")))


def _layout_with_blob(s: Situation, blob: bytes, diff_id: str) -> str:
    """Write an image whose only layer is ``blob``, whatever its config says of it."""
    source = s.layout(blob)

    def name_another(manifest: dict[str, Any], config: dict[str, Any]) -> None:
        config["rootfs"]["diff_ids"] = [diff_id]

    _change(s.home / "layout", name_another)
    return source


def _change(layout: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    """Change the manifest and the config of the only image in a layout."""
    index = json.loads((layout / "index.json").read_text())
    manifest = json.loads(_blob(layout, index["manifests"][0]["digest"]))
    config = json.loads(_blob(layout, manifest["config"]["digest"]))
    change(manifest, config)
    manifest["config"] |= _put(layout, config)
    index["manifests"][0] |= _put(layout, manifest)
    (layout / "index.json").write_text(json.dumps(index))


def changed(
    change: Callable[[dict[str, Any], dict[str, Any]], object],
) -> Callable[[Situation], str]:
    """Return the arrangement of an image whose manifest and config are changed so."""

    def arrange(s: Situation) -> str:
        source = s.layout(oddities.lower())
        _change(s.home / "layout", change)
        return s.define(source)

    return arrange


def unreadable_of_old(s: Situation) -> str:
    """An image that podman cannot read, as an older paack locked and fetched it."""
    source = s.layout(oddities.lower())
    path = s.locked(source)
    layout = s.home / "layout"
    (good,) = read_lock(s.home / "app.lock.yaml").images.values()  # type: ignore[union-attr]
    _change(layout, lambda manifest, config: config["config"].update(Cmd="sh"))
    index = json.loads((layout / "index.json").read_text())
    manifest = index["manifests"][0]["digest"]
    config = json.loads(_blob(layout, manifest))["config"]["digest"]
    bad = replace(good, manifest=manifest, config=config)
    (s.home / "app.lock.yaml").write_text(dump(Lock({(bad.source, bad.arch): bad})))
    for digest in (manifest, config):
        Cache(s.paack.cache).put(_blob(layout, digest))
    return path


def _blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()


def _put(layout: Path, value: object) -> dict[str, object]:
    content = json.dumps(value).encode()
    digest = digest_of(content)
    (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).write_bytes(content)
    return {"digest": digest, "size": len(content)}


def stale_lock(s: Situation) -> str:
    s.locked(s.layout(oddities.lower()))
    s.remains = {"app.lock.yaml"}
    return s.define("oci:layout:localhost/app:1", f"{NOWHERE}/other:1")


def damaged_lock(s: Situation) -> str:
    path = s.define("a.b/c:1")
    (s.home / "app.lock.yaml").write_text("paack: 1\nimages: [{source: x}]\n")
    return path


def changed_local_image(s: Situation) -> str:
    path = s.locked(s.layout(oddities.lower()))
    shutil.rmtree(s.paack.cache)
    s.layout(oddities.upper())
    return path


def frozen(s: Situation) -> str:
    s.options = ["--frozen"]
    return s.define("a.b/c:1")


def without(tool: str) -> Callable[[Situation], str]:
    """Return the arrangement in which ``tool`` is not installed."""

    def arrange(s: Situation) -> str:
        path = s.define(s.layout(oddities.lower()))
        tools = s.home / "tools"
        tools.mkdir()
        for name in {"skopeo", "rpmbuild", "sh", "tar", "cp", "install"} - {tool}:
            program = shutil.which(name)
            assert program
            (tools / name).symlink_to(program)
        s.paack.environment["PATH"] = str(tools)
        return path

    return arrange


def old_erofs(s: Situation) -> str:
    return s.define(s.layout(oddities.lower()), filesystem="erofs")


def wrong_arch(s: Situation) -> str:
    source = s.layout(oddities.lower())
    return str(s.paack.define(definition_text("app", [source], arches=["aarch64"])))


def acl(s: Situation) -> str:
    return s.define(s.layout(oddities.lower(), oddities.acl()))


def late_time(s: Situation) -> str:
    return s.define(s.layout(layer("after-2106", mtime=1 << 32), oddities.acl()))


CASES = {
    "no file": Case(3, (r"nothing\.yaml: cannot be read",), lambda s: "nothing.yaml"),
    "not yaml": Case(3, (r"app\.yaml:1: is not YAML",), lambda s: str(s.paack.define("a: [}"))),
    "empty": Case(3, (r"app\.yaml: is empty",), lambda s: str(s.paack.define(""))),
    "unknown key": Case(3, (r"app\.yaml:4: .*imags: unknown key", "did you mean 'images'"), unknown_key),
    "missing name": Case(3, (r"app\.yaml:2: .*'name' is missing",), missing_name),
    "bad arch": Case(3, (r"app\.yaml:4: .*'x86-64' is not known", "x86_64"), bad_arch),
    "short name": Case(3, ("not a full image name: 'nginx'", "docker.io/library/nginx"), lambda s: s.define("nginx")),
    "unreachable": Case(6, (f"{NOWHERE}/a:1: {NOWHERE} cannot be reached",), lambda s: s.define(f"{NOWHERE}/a:1")),
    "no such layout": Case(6, ("there is no such image",), lambda s: s.define("oci:nowhere:localhost/a:1")),
    "wrong arch": Case(6, (r"aarch64",), wrong_arch),
    "damaged blob": Case(7, (r"blobs/sha256/[0-9a-f]{64}: the bytes are not those of", "rm "), damaged_blob),
    "truncated blob": Case(6, ("there is no such image",), truncated_blob),
    "config of a wrong type": Case(6, (r"app\.yaml:6: oci:layout:localhost/app:1 \(x86_64\): its config cannot be used: config\.Cmd is \"sh\" and not a list of strings", "podman and CRI-O cannot read it"), changed(lambda manifest, config: config["config"].update(Cmd="sh"))),
    "wrong time": Case(6, (r"history\[0\]\.created is \"\" and not a time",), changed(lambda manifest, config: config["history"][0].update(created=""))),
    "config of an old lock": Case(6, (r"app\.yaml:6: .*\(x86_64\): its config cannot be used: config\.Cmd is",), unreadable_of_old),
    "no architecture": Case(6, ("its config does not say for which architecture it is", "--platform"), changed(lambda manifest, config: config.pop("architecture"))),
    "artifact": Case(6, (r"it is no image but an artifact \(type application/x\)",), changed(lambda manifest, config: manifest["config"].update(mediaType="application/x"))),
    "encrypted": Case(6, (r"layer 1 is encrypted \(.*\+encrypted\)", "skopeo copy --decryption-key"), changed(lambda manifest, config: manifest["layers"][0].update(mediaType=f"{oci.OCI_LAYER}+encrypted"))),
    "corrupt gzip": Case(7, ("layer sha256:[0-9a-f]{64}: cannot be decompressed",), corrupt_gzip),
    "not a tar": Case(7, ("layer sha256:[0-9a-f]{64}: not a tar archive",), not_a_tar),
    "wrong diffID": Case(7, ("unpacks to sha256:.*config says",), wrong_diff_id),
    "dotdot": Case(7, (r"layer sha256:[0-9a-f]{64}: refused: '\.\./evil': path with \.\.",), lambda s: s.define(s.layout(layer("../evil")))),
    "absolute": Case(7, (r"refused: '/etc/evil': absolute path",), lambda s: s.define(s.layout(layer("/etc/evil")))),
    "whiteout and file": Case(7, (r"whiteout of a file of the same layer",), lambda s: s.define(s.layout(_both()))),
    "stale lock": Case(4, (r"app\.lock\.yaml: the lock does not fit", "other:1.* is not locked for", "paack lock"), stale_lock),
    "damaged lock": Case(4, (r"app\.lock\.yaml: is not a usable lock",), damaged_lock),
    "changed image": Case(4, ("is now sha256:.*the lock says sha256:",), changed_local_image),
    "frozen": Case(4, (r"app\.lock\.yaml: there is no lock",), frozen),
    "no skopeo": Case(5, ("skopeo is not installed", "make deps"), without("skopeo")),
    "no rpmbuild": Case(5, ("rpmbuild is not installed", "rpm-build"), without("rpmbuild")),
    "old mkfs.erofs": Case(5, (r"mkfs\.erofs 1\.5 cannot",), old_erofs),
    "acl on squashfs": Case(10, ("squashfs cannot hold 1 file as in the image", r"'with-acl' of layer sha256:[0-9a-f]{64} would lose its POSIX ACL", "filesystem: erofs"), acl),
    "time on squashfs": Case(10, ("squashfs cannot hold 2 files", r"'after-2106' of layer .* would lose its time, 2106-02-07", r"'with-acl' of layer"), late_time),
}  # fmt: skip


def _both() -> bytes:
    tar = LayerTar()
    tar.add("a", b"x")
    tar.add(".wh.a")
    return tar.close()


@pytest.fixture
def situation(tmp_path: Path) -> Situation:
    return Situation(Paack(tmp_path), tmp_path)


#: The cache: blobs, and marks that the signature policy admitted them.
KEPT = tuple(f"cache/paack/{each}/" for each in ("blobs", "admitted", "layers", "packages"))


def files_below(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir()}


def check(done: subprocess.CompletedProcess[str], case: Case) -> None:
    """Assert the exit code, the words and the hint, and that no traceback is shown."""
    assert done.returncode == case.status, done.stderr
    assert "Traceback" not in done.stderr
    for pattern in case.said:
        assert re.search(pattern, done.stderr), done.stderr
    assert "hint: " in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_bad_input(case: Case, situation: Situation) -> None:
    definition = case.arrange(situation)
    before = files_below(situation.home)
    done = situation.paack.call(
        *["build", "--def", definition, "--output", "out", *situation.options], check=False
    )
    check(done, case)
    left = files_below(situation.home) - before - situation.remains
    # What was locked and fetched before the trouble is good, and is kept.
    assert {path for path in left if not path.startswith(KEPT)} <= {"app.lock.yaml"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("registry"), users={"me": "right"}) as running:
        yield running


@pytest.mark.parametrize("password", ["wrong", None])
def test_credentials(registry: Registry, situation: Situation, password: str | None) -> None:
    situation.paack.registries_conf = registry.registries_conf
    options = ["--authfile", str(registry.authfile("me", password))] if password else []
    definition = situation.define(f"{registry.host}/app:1")
    done = situation.paack.call("build", "--def", definition, *options, check=False)
    check(done, Case(6, (f"{registry.host} refuses access", "podman login"), missing_name))
    assert not list(situation.home.rglob("*.lock.yaml"))


@contextmanager
def lying(situation: Situation, arches: tuple[str, ...] = ("x86_64",)) -> Iterator[HostileRegistry]:
    """Serve an image from a registry that can be told to lie."""
    layout = situation.home / "layout"
    layer = oddities.lower() + os.urandom(1 << 20)
    write_image(layout, "1", [ImageSpec(arch, [layer], packing=Packing.GZIP) for arch in arches])
    with HostileRegistry(layout) as registry:
        situation.paack.registries_conf = registry.registries_conf
        yield registry


def test_no_such_tag(situation: Situation) -> None:
    with lying(situation) as registry:
        done = situation.paack.call("lock", situation.define(f"{registry.host}/app:2"), check=False)
    check(done, Case(6, (f"{registry.host}/app:2: there is no such image",), missing_name))


def test_no_such_arch(situation: Situation) -> None:
    with lying(situation, ("x86_64", "s390x")) as registry:
        text = definition_text("app", [f"{registry.host}/app:1"], arches=["aarch64"])
        done = situation.paack.call("lock", str(situation.paack.define(text)), check=False)
    check(
        done, Case(6, (r"no image for aarch64 \(arm64\); there are: amd64, s390x",), missing_name)
    )


def test_index_in_an_index(situation: Situation) -> None:
    with lying(situation, ("x86_64", "aarch64")) as registry:
        index = json.loads((registry.layout / "index.json").read_text())
        inner = index["manifests"][0] | {"platform": {"architecture": "amd64", "os": "linux"}}
        outer = {"schemaVersion": 2, "mediaType": oci.OCI_INDEX, "manifests": [inner]}
        index["manifests"][0] |= _put(registry.layout, outer)
        (registry.layout / "index.json").write_text(json.dumps(index))
        done = situation.paack.call("lock", situation.define(f"{registry.host}/app:1"), check=False)
    said = (r"app\.yaml:6: .*/app:1 \(x86_64\): .*an index of images, in an index", inner["digest"])
    check(done, Case(6, said, missing_name))


def test_index_entry_without_platform(situation: Situation) -> None:
    """It is taken where no other fits, and its config tells the architecture."""
    with lying(situation) as registry:
        index = json.loads((registry.layout / "index.json").read_text())
        entry = {key: index["manifests"][0][key] for key in ("mediaType", "digest", "size")}
        outer = {"schemaVersion": 2, "mediaType": oci.OCI_INDEX, "manifests": [entry]}
        index["manifests"][0] |= _put(registry.layout, outer)
        (registry.layout / "index.json").write_text(json.dumps(index))
        image = f"{registry.host}/app:1"
        situation.paack.call("lock", situation.define(image))
        lock = (situation.home / "app.lock.yaml").read_text()
        assert f"manifest: {entry['digest']}" in lock
        assert f"list: {index['manifests'][0]['digest']}" in lock
        text = definition_text("app", [image], arches=["aarch64"])
        done = situation.paack.call("lock", str(situation.paack.define(text)), check=False)
    check(done, Case(6, (r"\(aarch64\): is for linux/amd64, not for aarch64",), missing_name))


def test_layer_of_another_size(situation: Situation) -> None:
    """No registry lies here, and the network is good: so trying again is no hint."""
    with lying(situation) as registry:
        blobs = registry.layout / "blobs" / "sha256"
        index = json.loads((registry.layout / "index.json").read_text())
        entry = index["manifests"][0]
        manifest = json.loads((blobs / entry["digest"].removeprefix("sha256:")).read_text())
        size = manifest["layers"][0]["size"]
        manifest["layers"][0]["size"] = 17
        entry |= _put(registry.layout, manifest)
        (registry.layout / "index.json").write_text(json.dumps(index))
        definition = situation.define(f"{registry.host}/app:1")
        situation.paack.call("lock", definition)
        done = situation.paack.call("build", definition, check=False)
    said = (rf"/app:1: its manifest gives layer sha256:\w+ 17 bytes, but it has {size}",)
    check(done, Case(6, said, missing_name))


@pytest.mark.parametrize("what", ["layer", "config", "manifest"])
@pytest.mark.parametrize("how", ["cut", "change"])
def test_lying_registry(situation: Situation, what: str, how: str) -> None:
    with lying(situation) as registry:
        definition = situation.define(f"{registry.host}/app:1")
        situation.paack.call("lock", definition)
        lock = (situation.home / "app.lock.yaml").read_text()
        key = {"layer": "- digest", "config": "config", "manifest": "manifest"}[what]
        digest = re.findall(rf"{key}: (sha256:\w+)", lock)[0]
        shutil.rmtree(situation.paack.cache)
        getattr(registry, how).add(digest)
        done = situation.paack.call("build", definition, check=False)
        assert done.returncode in (6, 7), done.stderr
        assert f"{registry.host}/app:1: " in done.stderr
        assert "hint: " in done.stderr
        assert "Traceback" not in done.stderr
        cached = files_below(situation.paack.cache)
        assert not any(digest.removeprefix("sha256:") in path for path in cached)
        getattr(registry, how).clear()
        assert situation.paack.call("build", definition).stdout.endswith(".rpm\n")


@contextmanager
def small_disk(path: Path, *options: str) -> Iterator[None]:
    need_root("a disk of its own is mounted")
    path.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


@pytest.mark.parametrize("where", ["out", "cache"])
def test_full_disk(situation: Situation, where: str) -> None:
    tar = LayerTar()
    tar.add("big", os.urandom(4 << 20))
    definition = situation.define(situation.layout(tar.close()))
    with small_disk(situation.home / where, "size=3m"):
        done = situation.paack.call("build", definition, "--output", "out", check=False)
        left = files_below(situation.home / where)
    check(done, Case(10, ("disk is full|No space left",), missing_name))
    assert not {path for path in left if path.endswith((".rpm", ".squashfs", ".json"))}


@pytest.mark.parametrize("where", ["out", "cache"])
def test_read_only(situation: Situation, where: str) -> None:
    definition = situation.define(situation.layout(oddities.lower()))
    with small_disk(situation.home / where, "ro"):
        done = situation.paack.call("build", definition, "--output", "out", check=False)
    check(done, Case(10, (f"{where}.*Read-only file system",), missing_name))


EVIL = (
    "%(touch {0})",
    "%{{lua:os.execute('touch {0}')}}",
    "%{{expand:%(touch {0})}}",
    "a\n%(touch {0})",
)
FIELDS = (
    "name",
    "version",
    "release",
    "license",
    "summary",
    "description",
    "url",
    "path",
    "manifestPath",
)


@pytest.mark.parametrize("field_name", FIELDS)
@pytest.mark.parametrize("evil", EVIL)
def test_nothing_executes(situation: Situation, field_name: str, evil: str) -> None:
    touched = situation.home / "touched"
    source = situation.layout(oddities.lower())
    values = {"version": "1", field_name: json.dumps(evil.format(touched))}
    name = values.pop("name", "app")
    definition = situation.paack.define(definition_text(name, [source], **values))
    done = situation.paack.call("build", str(definition), "--output", "out", check=False)
    assert done.returncode in (0, 3), done.stderr
    assert not touched.exists()
    if done.returncode == 3:
        assert re.search(rf"app\.yaml:\d+: packages\[0\]\.{field_name}", done.stderr)
    done = situation.paack.call("srpm", str(definition), "--output", "out", check=False)
    assert done.returncode in (0, 3), done.stderr
    assert not touched.exists()
