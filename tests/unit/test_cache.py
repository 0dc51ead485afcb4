"""The blob cache."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paack.helpers.blobs.cache import Cache, default_cache
from paack.helpers.errors import VerificationError


@given(st.binary(max_size=100))
def test_what_is_put_in_is_read(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    cache = Cache(tmp_path_factory.getbasetemp() / "cache")
    digest = cache.put(content)
    name = hashlib.sha256(content).hexdigest()
    assert digest == f"sha256:{name}"
    assert cache.path(digest) == cache.root / "blobs" / "sha256" / name
    assert cache.read(digest) == content
    assert cache.put(content) == digest
    assert cache.has(digest)
    assert cache.has(digest, len(content))
    assert not cache.has(digest, len(content) + 1)
    assert [path.name for path in cache.root.iterdir()] == ["blobs"]


def test_what_is_not_there(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    digest = f"sha256:{'a' * 64}"
    assert not cache.has(digest)
    with pytest.raises(FileNotFoundError):
        cache.read(digest)
    assert not cache.root.exists()


def test_damage_is_noticed_and_the_hint_repairs_it(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    digest = cache.put(b"content")
    cache.path(digest).write_bytes(b"CONTENT")
    with pytest.raises(VerificationError) as caught:
        cache.read(digest)
    assert f"rm {cache.path(digest)}" in str(caught.value.hint)
    cache.path(digest).unlink()
    cache.put(b"content")
    assert cache.read(digest) == b"content"


def test_a_blob_of_the_wrong_size_is_replaced(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    digest = cache.put(b"content")
    cache.path(digest).write_bytes(b"cont")
    cache.put(b"content")
    assert cache.read(digest) == b"content"


@pytest.mark.parametrize(
    ("xdg", "root"),
    [
        ("/somewhere", "/somewhere/paack"),
        ("", "/home/me/.cache/paack"),
        ("relative", "/home/me/.cache/paack"),
        (None, "/home/me/.cache/paack"),
    ],
)
def test_the_cache_is_where_the_xdg_specification_says(
    monkeypatch: pytest.MonkeyPatch, xdg: str | None, root: str
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    if xdg is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    assert default_cache().root == Path(root)


def test_what_was_admitted_is_kept_by_place_and_digest(tmp_path: Path) -> None:
    cache, digest = Cache(tmp_path), "sha256:" + "a" * 64
    assert not cache.is_admitted("quay.io/a", digest)
    cache.admit("quay.io/a", digest)
    cache.admit("quay.io/a", digest)
    assert cache.is_admitted("quay.io/a", digest)
    assert not cache.is_admitted("quay.io/b", digest)
    assert not cache.is_admitted("quay.io/a", "sha256:" + "b" * 64)
