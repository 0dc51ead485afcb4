"""OCI layouts, read by skopeo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from paack.helpers.blobs.blob import digest_of
from paack.helpers.oci import manifest as oci
from paack.helpers.oci.layout import ImageSpec, Packing, layer_of, layout_of, write_image
from tests.support.commands import run
from tests.support.tree import read_tree
from tests.unit.archives import GNU_TAR, extracted
from tests.unit.images import small_layer


def skopeo(*words: str) -> Any:
    return json.loads(run(["skopeo", *words]).stdout)


LAYERS = [small_layer("one"), small_layer("two")]
CONFIG = {"Cmd": ["sh"], "Env": ["A=b"]}
ARCHES = {"x86_64": "amd64", "aarch64": "arm64"}


@pytest.mark.parametrize("packing", list(Packing))
def test_skopeo_reads_what_is_written(tmp_path: Path, packing: Packing) -> None:
    specs = [ImageSpec(arch, LAYERS, config=CONFIG, packing=packing) for arch in ARCHES]
    digest = write_image(tmp_path / "layout", "localhost/app:1", specs)
    source = f"oci:{tmp_path / 'layout'}:localhost/app:1"
    index = run(["skopeo", "inspect", "--raw", source]).stdout.encode()
    assert digest_of(index) == digest
    assert oci.is_index(index)
    for arch in ARCHES.values():
        inspected = skopeo("--override-arch", arch, "inspect", "--config", source)
        assert inspected["rootfs"]["diff_ids"] == [digest_of(layer) for layer in LAYERS]
        assert inspected["config"] == CONFIG
    target = tmp_path / "copy"
    run(["skopeo", "copy", "--all", "--preserve-digests", source, f"dir:{target}"])
    assert digest_of((target / "manifest.json").read_bytes()) == digest


@pytest.mark.parametrize("packing", [Packing.NONE, Packing.GZIP])
def test_docker_images_are_schema_2(tmp_path: Path, packing: Packing) -> None:
    """As a directory, since layouts are OCI's and skopeo looks for nothing else in them."""
    spec = ImageSpec("x86_64", LAYERS, config=CONFIG, packing=packing, docker=True)
    digest = write_image(tmp_path, "localhost/app:1", [spec])
    blobs = tmp_path / "blobs" / "sha256"
    (blobs / "manifest.json").symlink_to(digest.removeprefix("sha256:"))
    inspected = skopeo("inspect", f"dir:{blobs}")
    assert (inspected["Architecture"], inspected["Env"]) == ("amd64", ["A=b"])
    manifest = oci.parse_manifest(
        run(["skopeo", "inspect", "--raw", f"dir:{blobs}"]).stdout.encode()
    )
    assert manifest.media_type == oci.DOCKER_MANIFEST
    assert len(manifest.layers) == 2
    assert all(
        each.media_type.endswith("gzip") is (packing is Packing.GZIP) for each in manifest.layers
    )


def test_a_name_means_the_last_image_that_got_it(tmp_path: Path) -> None:
    for name in ("a:1", "b:1", "a:1"):
        write_image(tmp_path, name, [ImageSpec("x86_64", [small_layer(name)])])
    index = json.loads((tmp_path / "index.json").read_text())
    names = [
        each["annotations"]["org.opencontainers.image.ref.name"] for each in index["manifests"]
    ]
    assert names == ["b:1", "a:1"]


def test_a_layer_of_a_directory_is_the_same_wherever_it_is_made(tmp_path: Path) -> None:
    made = []
    for name in ("one", "other"):
        home = tmp_path / name
        (home / "sub").mkdir(parents=True)
        (home / "sub" / "program").write_text("#!/bin/sh\n")
        (home / "sub" / "program").chmod(0o775)
        (home / "file").write_text("text")
        (home / "file").chmod(0o600)
        (home / "link").symlink_to("sub/program")
        made.append(layer_of(home))
    assert made[0] == made[1]
    tree = extracted(GNU_TAR, made[0])
    assert set(tree) == set(read_tree(tmp_path / "one")) - {b"."}
    modes = {path: record.mode for path, record in tree.items()}
    assert modes == {b"sub": 0o755, b"sub/program": 0o755, b"file": 0o644, b"link": 0o777}
    assert {(record.uid, record.gid, record.mtime) for record in tree.values()} == {(0, 0, 0)}


def test_a_layout_of_directories(tmp_path: Path) -> None:
    for part in ("app/1/a-base", "app/1/b-top", "app/2/a-base", "lib/1/x"):
        (tmp_path / "images" / part).mkdir(parents=True)
        (tmp_path / "images" / part / "file").write_text(part)
    layouts = []
    for name in ("one", "other"):
        names = layout_of(tmp_path / "images", tmp_path / name, ["x86_64", "aarch64"])
        assert names == ["localhost/app:1", "localhost/app:2", "localhost/lib:1"]
        layouts.append({path: r.sha256 for path, r in read_tree(tmp_path / name).items()})
    assert layouts[0] == layouts[1]
    source = f"oci:{tmp_path / 'one'}:localhost/app:1"
    assert len(skopeo("inspect", source)["Layers"]) == 2
