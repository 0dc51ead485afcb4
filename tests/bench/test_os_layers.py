"""OS layers by source RPM: only what changed is new."""

from __future__ import annotations

from pathlib import Path

from bench.os_layers import new_bytes, os_layers
from tests.support.tiny_rpm import Tiny


def test_only_a_package_whose_files_changed_is_new(tmp_path: Path) -> None:
    same = Tiny("same", "1", arches=["x86_64"], content="x" * 9000)
    old = [*same.build(tmp_path / "a"), *Tiny("app", "1", arches=["x86_64"]).build(tmp_path / "a")]
    new = [*same.build(tmp_path / "b"), *Tiny("app", "2", arches=["x86_64"]).build(tmp_path / "b")]
    before, after = os_layers(old), os_layers(new)
    assert list(before) == ["app-1-1.src.rpm", "same-1-1.src.rpm"]
    assert before["same-1-1.src.rpm"] == after["same-1-1.src.rpm"]
    assert new_bytes(before, after) == after["app-2-1.src.rpm"].size
    assert new_bytes(before, before) == 0
