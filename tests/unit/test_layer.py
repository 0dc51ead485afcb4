"""Layers: read once, checked, spooled; what is wrong with them names them."""

from __future__ import annotations

import gc
import gzip
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paack.helpers.blobs.blob import Compression, digest_of
from paack.helpers.errors import VerificationError
from paack.helpers.store import layer as layers
from tests.support import oddities
from tests.support.oddities import LayerTar
from tests.unit.archives import records_of, tree_of
from tests.unit.test_tarsplit import assembled


def write(directory: Path, blob: bytes) -> tuple[Path, str]:
    """Write a blob; return its path and digest."""
    path = directory / "blob"
    path.write_bytes(blob)
    return path, digest_of(blob)


@pytest.mark.parametrize("name", ["upper", "lower", "empty", "duplicates"])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_layer_is_its_tree_its_archive_and_its_tar_split(
    tmp_path: Path, name: str, compressed: bool
) -> None:
    archive = oddities.ALL[name]()
    blob = gzip.compress(archive) if compressed else archive
    path, digest = write(tmp_path, blob)
    layer = layers.read(path, digest, digest_of(archive), tmp_path)
    assert os.pread(layer.archive.fileno(), 1 << 24, 0) == archive
    tar_split = os.pread(layer.tar_split.fileno(), 1 << 24, 0)
    assert len(tar_split) == layer.tar_split_size
    assert records_of(layer.tree, archive) == records_of(tree_of(archive), archive)
    assert (layer.digest, layer.size) == (digest, len(blob))
    assert (layer.diff_id, layer.diff_size) == (digest_of(archive), len(archive))
    assert layer.compression is (Compression.GZIP if compressed else Compression.NONE)
    if name == "empty":
        assert assembled(tar_split, {}) == archive
    assert list(tmp_path.iterdir()) == [path], "spools have no name"
    layer.close()
    assert layer.archive.closed
    assert layer.tar_split.closed


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def bad(name: str) -> bytes:
    layer = LayerTar()
    layer.add(name, b"x")
    return layer.close()


CASES = {
    "other blob": (oddities.lower(), {"digest": digest_of(b"other")}, "are not those of"),
    "other diffID": (oddities.lower(), {"diff_id": digest_of(b"other")}, "unpacks to"),
    "no archive": (b"no archive" * 1000, {}, "not a tar archive: "),
    "half an archive": (oddities.lower()[:5000], {}, "not a tar archive: truncated"),
    "corrupt gzip": (gzip.compress(oddities.lower())[:500], {}, "cannot be decompressed"),
    "attack": (bad("../../etc/passwd"), {}, "refused: .*path with .."),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_names_the_layer(tmp_path: Path, case: str) -> None:
    blob, given_values, message = CASES[case]
    path, digest = write(tmp_path, blob)
    values = {"digest": digest, "diff_id": digest_of(blob), **given_values}
    gc.collect()  # what earlier tests left
    before = open_files()
    with pytest.raises(VerificationError, match=message) as caught:
        layers.read(path, values["digest"], values["diff_id"], tmp_path)
    assert values["digest"] in str(caught.value)
    assert caught.value.hint
    del caught  # its frames hold the files
    gc.collect()
    assert open_files() == before


@pytest.mark.parametrize("blob", [b"no archive" * 1000, bad("../x")])
def test_a_damaged_file_is_told_from_a_broken_image(tmp_path: Path, blob: bytes) -> None:
    """Whatever the damage did to the content: fetching it again is what helps."""
    path, _ = write(tmp_path, blob)
    wanted = digest_of(oddities.lower())
    with pytest.raises(VerificationError, match="are not those of") as caught:
        layers.read(path, wanted, wanted, tmp_path)
    assert f"rm {path}" in str(caught.value.hint)


@given(st.binary(max_size=3000))
def test_any_bytes_are_a_layer_or_a_verification_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path, digest = write(tmp_path_factory.getbasetemp(), content)
    try:
        layer = layers.read(path, digest, digest, path.parent)
    except VerificationError:
        assert content
    else:
        layer.close()
        assert hashlib.sha256(content).hexdigest() == layer.diff_id.removeprefix("sha256:")
