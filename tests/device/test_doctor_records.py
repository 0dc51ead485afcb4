"""How the doctor reads records: any that containers/storage writes, and none that are odd."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings

from paack.helpers.templates import render
from tests.device.doctor_host import GONE, THERE, DoctorHost, crio_host, without
from tests.device.doctor_storage import FILES, Storage, dump, identifier, storages, usual
from tests.device.packages import Packages
from tests.device.shells import DIAGONAL, Combination
from tests.support.thorough import THOROUGH

LAYERS, VOLATILE_LAYERS, IMAGES, CONTAINERS, _ = FILES
PROGRAM = f"LC_ALL=C; export LC_ALL\n{render('device/doctor/records.sh')}\nrecords"
STRANGE = ["not-of-podman", "0" * 63]


@pytest.fixture(scope="module")
def crio(packages: Packages) -> Iterator[DoctorHost]:
    with crio_host(packages) as host:
        yield host


@pytest.mark.parametrize("combination", DIAGONAL, ids=str)
def test_any_records(combination: Combination, tmp_path: Path) -> None:
    (tmp_path / "there.json").write_text(dump([{"id": layer} for layer in THERE]))
    files = {file: tmp_path / file.replace("/", "-") for file in FILES}
    roles = [f"role={FILES[file]} {path}" for file, path in files.items()]
    words = ["task=plan graph=/none role=mounts - role=store", f"{tmp_path}/there.json", *roles]
    plan = f"{PROGRAM} {' '.join(words)}; {PROGRAM} spare=1 {' '.join(words)}"

    @settings(max_examples=60 if THOROUGH else 20)
    @given(storages(THERE, STRANGE))
    def check(storage: Storage) -> None:
        for file, path in files.items():
            path.write_text(dump(storage.records[file]), encoding="utf-8")
        done = combination.run(plan, tmp_path)
        lines = [line.split("\t") for line in done.stdout.splitlines()]
        assert (done.returncode, done.stderr, lines.pop()) == (0, "", ["end"])
        end = lines.index(["end"])
        found = {(line[1], line[2]) for line in lines[:end] if line[0] != "name"}
        assert found == storage.dangling(THERE)
        kinds = {
            kind: {(line[1], line[2]) for line in lines[end:] if line[0] in kind}
            for kind in (("spared", "busy"), ("gone", "part", "alien"))
        }
        kept = storage.of_containers(THERE)
        assert kinds == {
            ("spared", "busy"): {each for each in kept if each[0] != "layer"},
            ("gone", "part", "alien"): storage.dangling(THERE) - kept,
        }

    check()


@pytest.mark.parametrize("combination", DIAGONAL, ids=str)
def test_any_record_is_kept_byte_for_byte(combination: Combination, tmp_path: Path) -> None:
    gone, file = tmp_path / "gone", tmp_path / "file"
    program = f"{PROGRAM} task=without role=gone {gone} role=own {file}"

    @settings(max_examples=30 if THOROUGH else 10)
    @given(storages(THERE, STRANGE))
    def check(storage: Storage) -> None:
        for file_name, records in storage.records.items():
            ids = {name for _, name in storage.dangling(THERE)}
            gone.write_text(" ".join(f'"{name}"' for name in ids))
            file.write_text(dump(records), encoding="utf-8")
            done = combination.run(program, tmp_path)
            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout == dump([each for each in records if each["id"] not in ids]), (
                file_name
            )

    check()


@pytest.mark.parametrize("combination", DIAGONAL, ids=str)
def test_names_are_told_and_added(combination: Combination, tmp_path: Path) -> None:
    """To any images; all other bytes stay."""
    more, file = tmp_path / "more", tmp_path / "file"
    words = f"role=gone {more} role=own {file}"
    program = f"{PROGRAM} task=named role=r1 {file}; {PROGRAM} task=with {words}"
    added = {identifier(number): [f"a.b/c:{number}", "a.b/d:1"] for number in range(4)}

    @settings(max_examples=30 if THOROUGH else 10)
    @given(storages(THERE, STRANGE))
    def check(storage: Storage) -> None:
        records = storage.records[IMAGES]
        more.write_text("".join(f'"{i}" "{name}"\n' for i in added for name in added[i]))
        file.write_text(dump(records), encoding="utf-8")
        done = combination.run(program, tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        told, _, text = done.stdout.rpartition("end\n")
        if any("\\" in dump(each.get("names", [])) for each in records):
            return  # no name of an image has what JSON escapes
        names = [(each["id"], name) for each in records for name in each.get("names") or [""]]
        assert told == "".join(f"r1\t{i}\t{name}\n" for i, name in names)
        expected = []
        for each in records:
            new = added.get(each["id"], [])
            if new and "names" not in each:
                expected.append({"names": new, **each})
            else:
                expected.append({**each, **({"names": new + each["names"]} if new else {})})
        assert text == dump(expected)

    check()


@pytest.mark.parametrize("combination", DIAGONAL if THOROUGH else DIAGONAL[:1], ids=str)
def test_any_storage(crio: DoctorHost, combination: Combination) -> None:
    crio.use(combination)

    # An example takes long: none is made smaller.
    @settings(
        max_examples=15 if THOROUGH else 5,
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
    )
    @given(storages(THERE, STRANGE))
    def check(storage: Storage) -> None:
        storage.write(crio.graphroot)
        kept = storage.of_containers(THERE)
        for options, dangling in (
            (["--keep-containers"], storage.dangling(THERE) - kept),
            ([], storage.dangling(THERE)),
        ):
            gone = {each for each in dangling if usual(each[1])}
            left = dangling - gone
            said = crio.doctor("--repair", *options)
            expected = crio.files_of(storage.without(gone))
            assert without(crio.files(), ".lock") == without(expected, ".lock")
            assert (said.code, said.errors) == (1 if left else 0, "")
            assert len(said.of("FAIL")) == len(left)

    check()


def record(**more: Any) -> str:
    """Return a file with a record, as JSON, that would be removed if nothing were odd."""
    return dump([{"id": identifier(60), "layer": GONE, **more}])


ODD: Mapping[str, tuple[str, str]] = {
    "cut off": (IMAGES, record()[:-5]),
    "cut off in a string": (IMAGES, record()[:20]),
    "closed twice": (IMAGES, record() + "]"),
    "trailing text": (IMAGES, record() + " x"),
    "trailing string": (IMAGES, record() + '"x'),
    "an object": (IMAGES, "{}"),
    "a number in the list": (IMAGES, record()[:-1] + ",1]"),
    "null in the list": (IMAGES, record()[:-1] + ",null]"),
    "a comma too many": (IMAGES, record()[:-1] + ",]"),
    "no ID": (IMAGES, dump([{"layer": GONE}])),
    "a number for an ID": (IMAGES, record(id=1)),
    "a list for a layer": (IMAGES, record(layer=[GONE])),
    "null for a layer": (IMAGES, record(layer=None)),
    "an ID twice": (CONTAINERS, dump([{"id": "a", "layer": GONE}, {"id": "a", "layer": GONE}])),
    "a layer twice": (IMAGES, record().replace("}", f',"layer":"{THERE[0]}"}}')),
    "a key in capitals": (IMAGES, record(Layer=THERE[0])),
    "an escaped key": (IMAGES, record().replace('"layer"', '"l\\u0061yer"')),
    "an escaped ID": (IMAGES, record().replace(GONE, f"\\u00{ord(GONE[0]):x}{GONE[1:]}")),
    "no such escape": (IMAGES, record(metadata="x").replace('"x"', '"\\x"')),
    "a line end in a string": (IMAGES, record(metadata="x").replace('"x"', '"\n"')),
    "NUL": (IMAGES, record(metadata="x").replace('"x"', '"\0"')),
    "names that are one": (IMAGES, record(names="x")),
    "a list of lists of names": (IMAGES, record(names=[["x"]])),
    "no JSON number": (IMAGES, record(created=1).replace(":1}", ":01}")),
    "another file is odd": (VOLATILE_LAYERS, "[{]"),
}  # fmt: skip


@pytest.mark.parametrize("combination", DIAGONAL if THOROUGH else DIAGONAL[:1], ids=str)
def test_what_is_odd_is_left_alone(crio: DoctorHost, combination: Combination) -> None:
    """containers/storage would not read most of it, either."""
    crio.use(combination)
    faults = {}
    for name, (file, text) in ODD.items():
        Storage({IMAGES: json.loads(record())}).write(crio.graphroot)
        (crio.graphroot / file).write_text(text)
        before = crio.files()
        said = crio.doctor("--repair")
        (line,) = said.of("FAIL")
        if (said.code, said.errors) != (1, "") or "is not as containers/storage writes" not in line:
            faults[name] = said.lines
        if crio.files() != before:
            faults[name] = said.lines
    assert faults == {}
    for nothing in ("", "[]", "null", " [ ] \n"):
        Storage({IMAGES: json.loads(record())}).write(crio.graphroot)
        (crio.graphroot / LAYERS).write_text(nothing)
        assert crio.doctor("--repair").code == 0
        assert (crio.graphroot / LAYERS).read_text() == nothing
        assert (crio.graphroot / IMAGES).read_text() == "[]"
