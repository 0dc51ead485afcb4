"""The house rules that a linter does not know."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.product import REPOSITORY

HELPERS = sorted((REPOSITORY / "helpers").rglob("*.py"))
SOURCES = [*HELPERS, *sorted((REPOSITORY / "paack").rglob("*.py"))]
MODULE_LINES, FUNCTION_LINES = 300, 40
#: What may be longer than the rule says. Rather shorten it than add to these.
LONGER_FUNCTIONS = {
    "helpers/rpm/device.py:device_of": 45,
    "helpers/microshift/release_import.py:import_set": 41,
}
#: Modules that need no tool and no network, whose tests are in tests/unit/test_MODULE.py.
PURE = {
    "arch", "crc", "document", "errors", "hint", "jobs", "licenses", "progress", "run", "workspace",
    "definition/definition", "oci/reference",
    "kubernetes/crds", "kubernetes/manifests",
    "lock/group", "lock/packs", "plan/layer_package", "rpm/partial_store",
    "plan/program_package",
    "plan/build_time", "plan/depth", "lock/filesystem", "lock/lock",
    "packages/image_packages", "packages/readers", "packages/rpm_database",
    "blobs/blob", "blobs/cache", "registry/fetch", "oci/go_json",
    "quadlet/unit_tree",
    "oci/manifest", "oci/layout", "oci/rfc3339", "registry/skopeo_errors",
    "repo/retention",
    "rpm/spdx", "rpm/spec",
    "squashfs/tables",
    "store/compiler", "store/image", "store/layer", "store/limits", "store/linker", "store/pack",
    "store/store",
    "store/tar", "store/tarsplit", "store/tarstream", "store/layer_tree", "store/verity",
}  # fmt: skip
#: Parts of another module that were split off, tested with it.
PARTS = {
    "definition/paths": "definition/definition",
    "quadlet/unit_file": "quadlet/unit_tree",
    "store/block_file": "store/compiler",
    "store/pack_area": "store/pack",
    "store/tarheader": "store/tar",
    "oci/go_types": "oci/manifest",
    "definition/yaml_format": "definition/definition",
    "schema": "definition/definition",
    "packages/layer_packages": "packages/image_packages",
    **{
        f"packages/{name}": "packages/readers"
        for name in (
            "package",
            "fields",
            "debian",
            "alpine",
            "python",
            "node",
            "golang",
            "java",
        )
    },
    **{
        f"packages/{name}": "packages/rpm_database"
        for name in ("rpm_header", "rpm_ndb", "rpm_berkeley")
    },
    "located": "document",
}
#: The folders of helpers/, and the modules beside them: each imports only what stands before it.
ORDER = [
    "hint", "errors", "arch", "crc", "jobs", "licenses", "printable", "progress", "templates",
    "workspace", "run", "located", "document", "schema", "product", "clean",
    "squashfs", "blobs", "oci", "packages", "definition", "registry", "store", "kubernetes",
    "quadlet", "lock", "rpm", "packs",
    "check", "plan", "verify", "report", "diff", "pipe", "sbom", "demo", "farm", "microshift",
    "repo",
]  # fmt: skip
STARTERS = {"subprocess", "pty", "popen2", "multiprocessing", "asyncio"}
STARTING = ("system", "popen", "exec", "spawn", "posix_spawn", "fork", "startfile")


def named(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), named(path))


def imports(path: Path) -> set[str]:
    """Return the top packages that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def modules(path: Path) -> set[str]:
    """Return the modules that a file imports names from, anywhere in it."""
    nodes = ast.walk(parsed(path))
    return {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_only_run_starts_processes(path: Path) -> None:
    if named(path) == "helpers/run.py":
        assert "subprocess" in imports(path)
        return
    assert not imports(path) & STARTERS
    calls = {
        node.attr
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        and node.attr.startswith(STARTING)
    }
    assert not calls
    assert not any(
        isinstance(node, ast.ImportFrom) and node.module == "os" for node in ast.walk(parsed(path))
    )


def test_no_shell_reads_a_command() -> None:
    tree = parsed(REPOSITORY / "helpers" / "run.py")
    keywords = {
        each.arg for node in ast.walk(tree) if isinstance(node, ast.Call) for each in node.keywords
    }
    assert "shell" not in keywords
    assert "stdin" in keywords


@pytest.mark.parametrize("path", HELPERS, ids=named)
def test_helpers_know_nothing_of_the_command_line(path: Path) -> None:
    assert not imports(path) & {"invoke", "tasks", "argparse", "click", "tests"}
    assert not any(name.startswith("paack.commands") for name in modules(path))


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_modules_and_functions_are_short(path: Path) -> None:
    length = len(path.read_text("utf-8").splitlines())
    assert length <= MODULE_LINES or path not in HELPERS
    for function in functions(path):
        allowed = LONGER_FUNCTIONS.get(f"{named(path)}:{function.name}", FUNCTION_LINES)
        assert lines_of(function) <= allowed, function.name


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_public_things_say_what_they_are(path: Path) -> None:
    module = parsed(path)
    assert ast.get_docstring(module)
    public: list[ast.AST] = list(module.body)
    for each in module.body:
        if isinstance(each, ast.ClassDef) and not each.name.startswith("_"):
            public += each.body
    for node in public:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


def test_tests_mirror_the_modules() -> None:
    root = REPOSITORY / "helpers"
    modules = {path.relative_to(root).with_suffix("").as_posix() for path in HELPERS}
    tests = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    assert sorted(tests - {"tasks", "structure"}) == sorted(Path(each).name for each in PURE)
    assert modules > PURE | PARTS.keys()
    assert set(PARTS.values()) < PURE


def upward(source: str, imported: Iterable[str]) -> list[str]:
    """Return what a module of ``helpers`` imports from a folder at or after its own in ORDER."""
    place = ORDER.index(source.split("/")[0])
    folders = {name.split(".")[2] for name in imported if name.startswith("paack.helpers.")}
    return sorted(name for name in folders if ORDER.index(name) > place)


@pytest.mark.parametrize("path", HELPERS, ids=named)
def test_no_folder_imports_upward(path: Path) -> None:
    source = path.relative_to(REPOSITORY / "helpers").with_suffix("").as_posix()
    if source != "__init__":
        assert not upward(source, modules(path))


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_other_folders_are_imported_by_their_faces(path: Path) -> None:
    assert not past_faces(path.parent.name, modules(path))


def past_faces(folder: str, imported: set[str]) -> list[str]:
    """Return the modules of other folders that are imported, past the `__init__.py` of these."""
    parts = [(name, name.split(".")) for name in imported if name.startswith("paack.helpers.")]
    return sorted(name for name, words in parts if len(words) > 3 and words[2] != folder)


def test_an_import_past_a_face_is_seen() -> None:
    imported = {"paack.helpers.lock.lock", "paack.helpers.oci", "paack.helpers.run", "json"}
    assert past_faces("rpm", imported) == ["paack.helpers.lock.lock"]
    assert not past_faces("lock", imported)


@pytest.mark.parametrize("folder", sorted({path.parent for path in HELPERS}), ids=named)
def test_a_face_has_what_others_use_and_nothing_else(folder: Path) -> None:
    if folder.name == "helpers":
        return
    face = f"paack.helpers.{folder.name}"
    used = {
        alias.name
        for path in SOURCES
        if path.parent != folder
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom) and node.module == face
        for alias in node.names
        if not (folder / f"{alias.name}.py").exists() or alias.name in exported(folder)
    }
    assert used == exported(folder)


def exported(folder: Path) -> set[str]:
    """Return the names in the `__all__` of a folder's face."""
    for node in parsed(folder / "__init__.py").body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def test_an_upward_import_is_seen() -> None:
    assert upward("oci/manifest", ["paack.helpers.blobs.blob", "paack.helpers.lock.lock"]) == [
        "lock"
    ]
    assert not upward("lock/lock", ["paack.helpers.oci.locked", "json"])
