"""The benchmark's workload is served, salted and reported right. It is never timed here."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bench import report
from bench.layers import Salted, application_layer, small_files
from bench.measure import Sample, measure, ratio
from bench.registry import Blobs, StaticRegistry
from bench.run import Results


def listing(tar: bytes) -> str:
    command = ["tar", "--list", "--verbose", "--numeric-owner"]
    return subprocess.run(command, input=tar, capture_output=True, check=True).stdout.decode()


def test_salted_copies_are_the_same_tree_and_share_no_block() -> None:
    tar = application_layer("app", ["usr/share/doc"])
    salted = Salted(tar)
    one, two = salted.copy(1), salted.copy(2)
    assert salted.copy(0) == tar
    assert listing(one) == listing(two) == listing(tar)
    contents = []
    for copy in (tar, one, two):
        command = ["tar", "--extract", "--to-command=sha256sum"]
        done = subprocess.run(command, input=copy, capture_output=True, check=True)
        contents.append(set(done.stdout.split()[::2]))
    empty = contents[0] & contents[1] & contents[2]
    assert len(empty) == 1  # of the whiteout
    assert contents[0] & contents[1] == contents[1] & contents[2] == empty
    assert len(contents[1]) == 201


def test_skopeo_pulls_what_was_put(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    layers = [blobs.layer(small_files(10)), blobs.layer(small_files(20), fast=True)]
    blobs.image("files", layers)
    with StaticRegistry(blobs) as registry:
        source = f"docker://{registry.reference('files')}"
        target = f"dir:{tmp_path / 'copy'}"
        command = ["skopeo", "--registries-conf", str(registry.registries_conf), "copy"]
        subprocess.run([*command, source, target], capture_output=True, check=True)
    manifest = json.loads((tmp_path / "copy" / "manifest.json").read_text())
    assert [layer["digest"] for layer in manifest["layers"]] == [each.digest for each in layers]
    assert manifest["layers"][1]["size"] == layers[1].size
    for layer, count in zip(layers, (10, 20), strict=True):
        blob = (tmp_path / "copy" / layer.digest.removeprefix("sha256:")).read_bytes()
        tar = subprocess.run(["gunzip"], input=blob, capture_output=True, check=True).stdout
        assert len(listing(tar).splitlines()) == count


def test_cpu_of_children_is_measured() -> None:
    def step() -> dict[str, int]:
        subprocess.run(["sha256sum"], input=bytes(50_000_000), capture_output=True, check=True)
        return {"rpm": 3}

    sample = measure(step)
    assert sample.cpu > 0
    assert sample.sizes == {"rpm": 3}


def test_ratios_are_of_pairs() -> None:
    assert ratio([1, 2, 4], [10, 40, 40]).median == 10
    assert ratio([1, 2, 4], [10, 40, 40]).high == 20


@pytest.fixture
def results() -> Results:
    found = Results()
    sizes = {"peak": 50_000_000, "rpm": 90_000_000, "disk": 90_000_000}
    for workload, seconds in (("1x", 10.0), ("4x", 40.0)):
        size = int(seconds * 1e8)
        found.workloads[workload] = {
            "compressed": size // 3, "unpacked": size, "images": 6, "layers": 12, "tree": size,
        }  # fmt: skip
        for number in range(3):
            wall = seconds + number / 10
            found.add(workload, "paack", Sample(wall, wall * 2, sizes))
            found.add(workload, "paack, unchanged", Sample(0.4, 0.3, sizes))
            found.add(workload, "paack, no output", Sample(2, 2, sizes))
            found.add(workload, "floor", Sample(wall - 1, wall, {"disk": 9}))
    found.add("1x", "file tree", Sample(200, 300, {"rpm": 4}))
    return found


def test_the_report_can_be_read(results: Results, tmp_path: Path) -> None:
    report.write(tmp_path, results)
    page = (tmp_path / "bench.md").read_text()
    assert "| file tree | 200.00 | 300.00 | 20.00 | 15.00 |" in page
    assert "| build: faster than file tree (wall) | >= 15x | 20.0x | yes |" in page
    kept = json.loads((tmp_path / "bench.json").read_text())
    assert kept["samples"]["4x"]["paack"][2]["wall"] == 40.2
    bars = ET.parse(tmp_path / "bench.svg").getroot().iter("{http://www.w3.org/2000/svg}rect")
    widths = [float(bar.attrib["width"]) for bar in bars]
    assert len(widths) == 2 * 4 + 2
    assert max(widths[:8]) == widths[7]  # CPU of the file tree


def test_no_results_make_an_empty_page(tmp_path: Path) -> None:
    report.write(tmp_path, Results())
    assert (tmp_path / "bench.md").read_text().strip() == ""
    assert (tmp_path / "bench.svg").read_text().startswith("<svg")
