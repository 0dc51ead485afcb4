"""verify on RPMs: those that paack builds pass; those that someone rebuilt do not."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from paack.helpers.oci.layout import ImageSpec, Packing, write_image
from tests.support import oddities
from tests.support.commands import run
from tests.support.gpg import Gpg, Key
from tests.support.product import REPOSITORY, Paack, definition_text, newer_erofs_utils, unpack_rpm
from tests.support.tiny_rpm import Tiny
from tests.unit.images import small_layer

ARCHES = ("x86_64", "aarch64")


@dataclass
class Built:
    """RPMs of two arches and two filesystems, and the sources that they were made from."""

    paack: Paack
    rpms: list[Path]
    sources: Path

    def rebuild(self, change: Callable[[Path], None], work: Path) -> Path:
        """Make the x86_64 RPM again, with the product's own spec, after a change to the sources."""
        top = work / "top"
        (top / "SPECS").mkdir(parents=True)
        shutil.copytree(self.sources, top / "SOURCES")
        change(top / "SOURCES")
        spec = shutil.move(top / "SOURCES" / "app.spec", top / "SPECS")
        command = ["rpmbuild", "-bb", "--target", "x86_64", "--define", f"_topdir {top}"]
        run([*command, str(spec)])
        return next((top / "RPMS").rglob("*.rpm"))

    def verify(self, *rpms: Path, options: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """Run paack verify."""
        words = [*map(str, rpms), *options, "--output", str(self.paack.output)]
        return self.paack.call("verify", *words, check=False, cwd=REPOSITORY)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    home = tmp_path_factory.mktemp("verify-rpm")
    paack = Paack(home, environment=dict(newer_erofs_utils(home / "bin")))
    layout = home / "layout"
    base, upper = oddities.lower(), oddities.upper()
    for name, layers, packing in (
        ("app:1", [base, upper], Packing.GZIP),
        ("other:2", [base, small_layer("other")], Packing.ZSTD),
        ("files:3", [oddities.files()], Packing.NONE),
    ):
        images = [ImageSpec(arch, layers, packing=packing) for arch in ARCHES]
        write_image(layout, f"localhost/{name}", images)
    sources = [f"oci:{layout}:localhost/{name}" for name in ("app:1", "other:2", "files:3")]
    squashfs = paack.define(
        definition_text("app", sources, arches=ARCHES, sbom="[spdx, cyclonedx]")
    )
    erofs = definition_text("eapp", sources, arches=ARCHES, filesystem="erofs")
    rpms = [
        *paack.build(squashfs),
        *paack.build(paack.define(erofs, "eapp.yaml")),
    ]
    done = paack.call("srpm", str(squashfs), "--output", str(paack.output))
    return Built(paack, rpms, unpack_rpm(Path(done.stdout.strip()), home / "sources"))


def test_what_was_built_passes(built: Built) -> None:
    done = built.verify(*built.rpms)
    assert done.returncode == 0, done.stderr
    assert [line.rpartition(": 3 images, 4 layers: ")[2] for line in done.stdout.splitlines()] == [
        "as locked, not signed"
    ] * 4
    assert list((built.paack.output / "work").glob("*")) == []


def test_without_a_network_and_without_root(built: Built) -> None:
    """With a warm cache, as nobody, in a network namespace of its own."""
    with tempfile.TemporaryDirectory(prefix="nobody-") as name:
        home = Path(name)
        shutil.copytree(built.paack.home / "cache", home / "cache")
        rpm = Path(shutil.copy(built.rpms[0], home))
        for path in (home, *home.rglob("*")):
            os.chown(path, 65534, 65534)
        command, env = Paack(home).command("verify", str(rpm), "--output", str(home / "out"))
        alone = ["unshare", "--net", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        done = run([*alone, *command], env={**env, "HOME": "/"})
    assert done.stdout.endswith(": 3 images, 4 layers: as locked, not signed\n")


def test_a_rebuild_without_a_change_passes(built: Built, tmp_path: Path) -> None:
    rpm = built.rebuild(lambda _: None, tmp_path)
    assert built.verify(rpm).returncode == 0


def test_the_bill_of_materials(built: Built, tmp_path: Path) -> None:
    """It is in every RPM, and spdx-tools finds in it what skopeo finds in the sources."""
    for number, rpm in enumerate(built.rpms):
        name, arch = rpm.name.split("-")[0], rpm.parent.name
        tree = unpack_rpm(rpm, tmp_path / str(number))
        bill = tree / "usr/share/paack" / name / "sbom.spdx.json"
        document = parse_file(str(bill))
        assert not validate_full_spdx_document(document, "SPDX-2.3")
        digests = {one.value for each in document.packages for one in each.checksums}
        expected = set()
        for image in ("app:1", "other:2", "files:3"):
            goarch = {"x86_64": "amd64", "aarch64": "arm64"}[arch]
            inspect = ["skopeo", "--override-arch", goarch, "inspect"]
            where = f"oci:{built.paack.home}/layout:localhost/{image}"
            config = json.loads(run([*inspect, "--config", where]).stdout)
            expected |= set(config["rootfs"]["diff_ids"])
            index = json.loads(run([*inspect, "--raw", where]).stdout)
            expected |= {
                each["digest"]
                for each in index["manifests"]
                if each["platform"]["architecture"] == goarch
            }
        assert {f"sha256:{each}" for each in digests} == expected
        made = int(run(["rpm", "-qp", "--qf", "%{BUILDTIME}", str(rpm)]).stdout)
        assert document.creation_info.created == datetime.fromtimestamp(made, UTC).replace(
            tzinfo=None
        )


@pytest.mark.parametrize("epoch", [1_700_000_000, 1_699_963_200, 1_699_920_000])
def test_whatever_time_it_is_of(
    built: Built, tmp_path: Path, epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time is in the bill; noon and midnight are what rpm takes for no time in a changelog."""
    monkeypatch.setitem(built.paack.environment, "SOURCE_DATE_EPOCH", str(epoch))
    source = f"oci:{built.paack.home}/layout:localhost/app:1"
    definition = built.paack.define(definition_text("timed", [source]), "timed.yaml")
    (rpm,) = built.paack.build(definition)
    monkeypatch.delitem(built.paack.environment, "SOURCE_DATE_EPOCH")
    done = built.verify(rpm)
    assert done.returncode == 0, done.stderr


def through_tar(image: Path, change: Callable[[bytes], bytes]) -> None:
    """Rewrite the tar stream of a store image."""
    stream = subprocess.run(
        ["sqfs2tar", "--root-becomes", ".", image], capture_output=True, check=True
    ).stdout
    changed = change(stream)
    assert changed != stream
    image.unlink()
    subprocess.run(
        ["tar2sqfs", "--quiet", "--compressor", "zstd", image], input=changed, check=True
    )


def a_byte_of_a_file(sources: Path) -> None:
    # Only the content: the file's own name is followed by zeros in its header.
    through_tar(
        sources / "app-x86_64.squashfs",
        lambda stream: re.sub(rb"other(?=\0{507})", b"oTher", stream),
    )


def a_digest_in_the_lock(sources: Path) -> None:
    lock = sources / "app-x86_64.lock.yaml"
    text = lock.read_text()
    one, other = re.findall(r"config: (sha256:\w+)", text)[:2]
    lock.write_text(text.replace(one, other, 1))


def two_layers_in_the_lock(sources: Path) -> None:
    lock = sources / "app-x86_64.lock.yaml"
    found = re.findall(r"  - digest: .*\n    size: .*\n    diff_id: .*\n", lock.read_text())
    lock.write_text(lock.read_text().replace(found[0] + found[1], found[1] + found[0], 1))


def an_image_less_in_the_lock(sources: Path) -> None:
    lock = sources / "app-x86_64.lock.yaml"
    head, _, rest = lock.read_text().partition("- source:")
    lock.write_text(head + "- source:" + rest.partition("- source:")[2])


def no_lock_at_all(sources: Path) -> None:
    (sources / "app-x86_64.lock.yaml").write_text("paack: 1\n")


def the_list_of_images(sources: Path) -> None:
    names = sources / "app-x86_64.images"
    names.write_text(names.read_text().replace("localhost/app:1\n", "localhost/app:2\n"))


def what_is_provided(sources: Path) -> None:
    spec = sources / "app.spec"
    text = spec.read_text()
    assert "container-image(localhost/app:1)" in text
    spec.write_text(
        text.replace("container-image(localhost/app:1)", "container-image(localhost/app:9)")
    )


def the_other_arch(sources: Path) -> None:
    for name in ("squashfs", "lock.yaml", "images"):
        shutil.copy(sources / f"app-aarch64.{name}", sources / f"app-x86_64.{name}")


def the_other_archs_store(sources: Path) -> None:
    shutil.copy(sources / "app-aarch64.squashfs", sources / "app-x86_64.squashfs")


def no_list(sources: Path) -> None:
    spec = sources / "app.spec"
    lines = spec.read_text().splitlines(keepends=True)
    spec.write_text("".join(line for line in lines if "/usr/share/paack/app/images" not in line))


def a_digest_in_the_bill(sources: Path) -> None:
    bill = sources / "app-x86_64.sbom.spdx.json"
    text = bill.read_text()
    found = re.findall(r'"checksumValue": "(\w+)"', text)
    bill.write_text(text.replace(found[-1], found[0]))


def a_licence_in_the_bill(sources: Path) -> None:
    bill = sources / "app-x86_64.sbom.spdx.json"
    head, key, rest = bill.read_text().rpartition('"licenseDeclared": "NOASSERTION"')
    assert key
    bill.write_text(head + '"licenseDeclared": "MIT"' + rest)


def a_line_more_in_the_bill(sources: Path) -> None:
    bill = sources / "app-x86_64.sbom.spdx.json"
    bill.write_text(bill.read_text() + "{}\n")


def a_digest_in_the_other_bill(sources: Path) -> None:
    bill = sources / "app-x86_64.sbom.cdx.json"
    text = bill.read_text()
    bill.write_text(text.replace('"purl": "pkg:oci/app@sha256', '"purl": "pkg:oci/app@sha255'))


def no_bill(sources: Path) -> None:
    spec = sources / "app.spec"
    lines = spec.read_text().splitlines(keepends=True)
    spec.write_text("".join(line for line in lines if "/app/sbom.spdx.json" not in line))


def no_squashfs(sources: Path) -> None:
    (sources / "app-x86_64.squashfs").write_bytes(b"not a store")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (a_byte_of_a_file, r"layer sha256:\w+: /d/other: other content"),
        (a_digest_in_the_lock, r"lock.yaml: oci:.*: the manifest names the config sha256:"),
        (two_layers_in_the_lock, r"lock.yaml: oci:.*: its layers are not those of the manifest"),
        (an_image_less_in_the_lock, r"images: localhost/app:1 is not of the lock"),
        (no_lock_at_all, r"lock.yaml: is not a usable lock"),
        (the_list_of_images, r"images: localhost/app:1 is missing"),
        (what_is_provided, r"Provides: container-image\(localhost/app:9\) is not of the lock"),
        (the_other_arch, r"lock.yaml: names images for aarch64; the RPM is for x86_64"),
        (the_other_archs_store, r"overlay-images/images.json: "),
        (no_list, r"holds 1 store image, a lock and no list of images"),
        (a_digest_in_the_bill, r"app/sbom.spdx.json: line \d+ is not of the lock:  +.*"),
        (a_licence_in_the_bill, r'app/sbom.spdx.json: line \d+ is not .*"licenseDeclared": "MIT"'),
        (a_line_more_in_the_bill, r"app/sbom.spdx.json: line \d+ is not of the lock: {}"),
        (a_digest_in_the_other_bill, r"app/sbom.cdx.json: line \d+ is not of the lock: .*sha255"),
        (no_bill, r"app/sbom.spdx.json: is missing"),
        (no_squashfs, r"cannot be read: no squashfs"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_an_rpm_that_was_rebuilt(
    built: Built, tmp_path: Path, change: Callable[[Path], None], said: str
) -> None:
    done = built.verify(built.rebuild(change, tmp_path))
    assert done.returncode == 7, done.stderr
    assert re.search(said, done.stderr), done.stderr
    assert "  hint: " in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("place", ["header", "payload", "end"])
def test_a_byte_of_the_rpm(built: Built, tmp_path: Path, place: str) -> None:
    """Without rebuilding it: rpm's own digests of header and payload tell."""
    content = bytearray(built.rpms[0].read_bytes())
    places = {
        "header": content.index(b"container-image("),
        "payload": len(content) // 2,
        "end": len(content) - 200,  # the trailer of the payload
    }
    content[places[place]] ^= 1
    rpm = tmp_path / "bad.rpm"
    rpm.write_bytes(content)
    done = built.verify(built.rpms[1], rpm)
    assert done.returncode == 7, done.stderr
    assert "bad.rpm: rpm: " in done.stderr
    assert done.stdout.startswith(str(built.rpms[1]))


def test_an_rpm_without_images(built: Built, tmp_path: Path) -> None:
    (rpm,) = Tiny("tiny", "1", arches=("x86_64",)).build(tmp_path)
    done = built.verify(rpm)
    assert done.returncode == 0
    assert done.stdout == f"{rpm}: no images inside, not signed\n"


def test_no_rpm(built: Built, tmp_path: Path) -> None:
    nothing = built.paack.call("verify", "--output", str(tmp_path), check=False)
    assert nothing.returncode == 2, nothing.stderr
    text = tmp_path / "text.rpm"
    text.write_text("no RPM")
    for path, said in ((tmp_path / "gone.rpm", "there is no such file"), (text, "is no RPM")):
        done = built.verify(path)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr


@dataclass
class Signed:
    """The x86_64 RPM, signed, and the keys: the one that signed it, and a stranger's."""

    rpm: Path
    gpg: Gpg
    ours: Key
    other: Key

    def sign(self, rpm: Path, key: Key) -> None:
        """Sign an RPM as anyone would, with rpmsign."""
        values = (f"__gpg {shutil.which('gpg')}", f"_gpg_name {key.fingerprint}")
        defines = [word for value in values for word in ("--define", value)]
        env = {**os.environ, **self.gpg.environment}
        run(["rpmsign", "--resign", *defines, str(rpm)], env=env)

    def public(self, key: Key, directory: Path) -> str:
        """Write a public key."""
        path = directory / f"{key.fingerprint}.asc"
        path.write_text(self.gpg.export(key))
        return str(path)

    def copy(self, directory: Path) -> Path:
        return Path(shutil.copy(self.rpm, directory / "signed.rpm"))


@pytest.fixture(scope="module")
def signed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signed]:
    with Gpg() as gpg:
        keys = gpg.key("ours"), gpg.key("other")
        rpm = Path(shutil.copy(built.rpms[0], tmp_path_factory.mktemp("signed") / "signed.rpm"))
        found = Signed(rpm, gpg, *keys)
        found.sign(rpm, found.ours)
        yield found


def test_a_signature_is_said(built: Built, signed: Signed) -> None:
    done = built.verify(signed.rpm)
    assert done.returncode == 0, done.stderr
    ours = signed.ours.fingerprint[-16:].lower()
    assert done.stdout.endswith(f": as locked, signed by {ours} (not checked: --key)\n")


def test_a_signature_is_checked(built: Built, signed: Signed, tmp_path: Path) -> None:
    keys = [signed.public(each, tmp_path) for each in (signed.other, signed.ours)]
    done = built.verify(signed.rpm, options=[f"--key={key}" for key in keys])
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f": as locked, signed by {signed.ours.fingerprint}\n")


def test_a_signature_is_checked_wherever_the_output_is(
    built: Built, signed: Signed, tmp_path: Path
) -> None:
    key = signed.public(signed.ours, tmp_path)
    words = ("verify", str(signed.rpm), "--key", key, "--output", "relative")
    done = built.paack.call(*words, "--base", str(built.paack.home), cwd=tmp_path)
    assert done.stdout.endswith(f", signed by {signed.ours.fingerprint}\n")


def test_a_fingerprint_is_a_key_of_the_users(
    built: Built, signed: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(built.paack.environment, "GNUPGHOME", str(signed.gpg.home))
    done = built.verify(signed.rpm, options=["--key", signed.ours.fingerprint])
    assert done.returncode == 0, done.stderr
    assert built.verify(signed.rpm, options=["--key", "A" * 40]).returncode == 2
    assert built.verify(signed.rpm, options=["--key", "no such file"]).returncode == 2


def test_resigned_with_another_key(built: Built, signed: Signed, tmp_path: Path) -> None:
    rpm = signed.copy(tmp_path)
    signed.sign(rpm, signed.other)
    done = built.verify(rpm, options=["--key", signed.public(signed.ours, tmp_path)])
    assert done.returncode == 7, done.stderr
    other = signed.other.fingerprint[-16:].lower()
    line = f"  signed.rpm: is signed by {other}, which is none of {signed.ours.fingerprint}\n"
    assert line in done.stderr
    assert done.stdout == ""


def test_a_signature_that_was_removed(built: Built, signed: Signed, tmp_path: Path) -> None:
    rpm = signed.copy(tmp_path)
    run(["rpmsign", "--delsign", str(rpm)])
    done = built.verify(rpm, options=["--key", signed.public(signed.ours, tmp_path)])
    assert done.returncode == 7, done.stderr
    assert "  signed.rpm: is not signed\n" in done.stderr


def test_a_byte_of_a_signature(built: Built, signed: Signed, tmp_path: Path) -> None:
    """rpm's digests say nothing of it; only with a key it is looked at."""
    rpm = signed.copy(tmp_path)
    content = bytearray(rpm.read_bytes())
    said = run(["rpm", "-qp", "--nosignature", "--qf", "%{RSAHEADER}%{DSAHEADER}", str(rpm)])
    signature = bytes.fromhex(said.stdout.replace("(none)", ""))
    content[content.index(signature) + len(signature) - 1] ^= 1
    rpm.write_bytes(content)
    done = built.verify(rpm, options=["--key", signed.public(signed.ours, tmp_path)])
    assert done.returncode == 7, done.stderr
    assert "  signed.rpm: its signature is not good" in done.stderr
