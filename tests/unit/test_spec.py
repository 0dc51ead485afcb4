"""Specs: whatever a definition accepts comes back unchanged from rpm, and nothing executes."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from paack.helpers.blobs.cache import Cache
from paack.helpers.definition.definition import Package, load_definition
from paack.helpers.definition.yaml_format import _DEPENDENCY, _OBSOLETE, _VERSION
from paack.helpers.errors import DefinitionError
from paack.helpers.kubernetes.manifests import Manifests, read_manifests
from paack.helpers.rpm.rpm import build_rpm, build_srpm, make_topdir
from paack.helpers.rpm.spec import Contents, render_spec
from tests.unit.archives import members_of
from tests.unit.images import put_image, small_layer

EPOCH = 1_700_000_000
END = "\x01"  # no text holds it: definitions refuse control characters
TAGS = ("NAME", "VERSION", "RELEASE", "SUMMARY", "LICENSE", "URL", "DESCRIPTION")
#: To make an example smaller takes many runs of rpmspec, and minutes.
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
MANIFESTS = Manifests(("a.yaml",), b"")


def package_of(home: Path, **values: object) -> Package:
    """Load a definition of one package with only manifests."""
    (home / "manifests").mkdir(exist_ok=True)
    (home / "manifests" / "a.yaml").write_text("a: b\n")
    document = {
        "name": "app",
        "version": "1",
        "arches": ["x86_64", "aarch64"],
        "manifests": "manifests",
        **values,
    }
    file = home / "app.yaml"
    file.write_text(yaml.safe_dump(document, allow_unicode=True, width=10_000), "utf-8")
    return load_definition(file).packages[0]


def contents(package: Package) -> list[Contents]:
    return [Contents(arch.name, (), MANIFESTS) for arch in package.arches]


def query(home: Path, specs: Sequence[str], form: str, *options: str) -> list[str]:
    """Let rpmspec parse specs, in a directory where nothing may appear; return what it prints."""
    files = [home / f"{number}.spec" for number in range(len(specs))]
    for file, spec in zip(files, specs, strict=True):
        file.write_text(spec, "utf-8")
    empty = home / "empty"
    empty.mkdir(exist_ok=True)
    kind = options or ("--srpm",)
    done = subprocess.run(
        ["rpmspec", "--query", *kind, "--queryformat", form + END + END, *map(str, files)],
        cwd=empty,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    assert list(empty.iterdir()) == []
    return done.stdout.decode().split(END + END)[:-1]


def assert_unchanged(home: Path, packages: Sequence[Package]) -> None:
    """Compare what rpm reads in specs with what their packages hold."""
    specs = [render_spec(each, contents(each), epoch=EPOCH).text for each in packages]
    form = END.join(f"%{{{tag}}}" for tag in TAGS)
    found = [dict(zip(TAGS, said.split(END), strict=True)) for said in query(home, specs, form)]
    assert found == [expected(each) for each in packages]


def expected(package: Package) -> dict[str, str]:
    return {
        "NAME": package.name,
        "VERSION": package.version,
        "RELEASE": package.release,
        "SUMMARY": package.summary,
        "LICENSE": package.license,
        "URL": package.url or "(none)",
        "DESCRIPTION": package.description,
    }


NASTY = [
    "%(touch canary)",
    "%(echo hi)",
    "%{lua:io.open('canary', 'w')}",
    "%{expand:%(touch canary)}",
    "%{shrink: a  b }",
    "%{?dist}",
    "%{!?none:x}",
    "%{nil}",
    "%{name}",
    "%dnl gone",
    "%if 0",
    "%endif",
    "%prep",
    "%description",
    "%package x",
    "%include /etc/passwd",
    "%define x y",
    "%global x y",
    "%undefine name",
    "%[1+1]",
    "%%",
    "%%{name}",
    "%%%(touch canary)",
    "%",
    "100%",
    "%1",
    "%*",
    "%#",
    "%-f",
    "%{",
    "%(",
    "%[",
    "%{SOURCE0}",
    "\\",
    "\\\\",
    "\\%{name}",
    "\\%{",
    "\\\\%{",
    "\\n",
    "#",
    "# comment",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "$HOME",
    "`touch canary`",
    "$(touch canary)",
    "'",
    '"',
    "{{ package }}",
    "{% raw %}",
    "Name: other",
    "-",
    ":",
    "ü",
    "日本",
    "\U0001f40b",
    "\u00a0",
    "\u200b",
    "\ufeff",
    "\uffff",
    " ",
    "  ",
    "\t",
    "a",
]


@pytest.mark.parametrize("field", ["summary", "license", "description", "url"])
def test_nasty_texts_come_back_or_are_refused(tmp_path: Path, field: str) -> None:
    """Each alone, at the beginning and at the end."""
    packages, refused = [], 0
    for text in (t for nasty in NASTY for t in (nasty, nasty + "x", "x" + nasty)):
        value = f"a://{text}" if field == "url" else text
        try:
            packages.append(package_of(tmp_path, **{field: value}))
        except DefinitionError as error:
            assert f"packages[0].{field}" in str(error)
            assert "hint: " in str(error)
            refused += 1
        else:
            assert getattr(packages[-1], field) == value
    assert_unchanged(tmp_path, packages)
    assert len(packages) > refused > 5


fragments = st.one_of(
    st.sampled_from(NASTY), st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=4)
)
lines = st.lists(fragments, max_size=6).map("".join)
texts = st.fixed_dictionaries(
    {
        "summary": lines,
        "license": lines,
        "description": st.lists(lines, min_size=1, max_size=5).map("\n".join),
        "url": lines.map(lambda text: f"https://example.com/{text}"),
    }
)


def kept_of(home: Path, values: dict[str, str]) -> Package:
    """Make a package of the texts that are not refused."""
    try:
        return package_of(home, **values)
    except DefinitionError as error:
        kept = {key: text for key, text in values.items() if f"[0].{key}" not in str(error)}
        assert len(kept) < len(values)
        package = package_of(home, **kept)
        assert all(getattr(package, key) == text.rstrip("\n") for key, text in kept.items())
        return package


@settings(max_examples=25, phases=UNSHRUNK)
@given(st.lists(texts, min_size=1, max_size=6))
def test_any_text_comes_back_or_is_refused(values: list[dict[str, str]]) -> None:
    with tempfile.TemporaryDirectory(prefix="paack-unit-") as scratch:
        home = Path(scratch)
        assert_unchanged(home, [kept_of(home, each) for each in values])


identifiers = {
    "name": st.from_regex(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_.+-]{0,30}", fullmatch=True),
    "version": st.from_regex(_VERSION, fullmatch=True).filter(str.isascii),
    "release": st.from_regex(_VERSION, fullmatch=True).filter(str.isascii),
    "requires": st.lists(st.from_regex(_DEPENDENCY, fullmatch=True), max_size=3),
    "conflicts": st.lists(st.from_regex(_DEPENDENCY, fullmatch=True), max_size=3),
    "obsoletes": st.lists(st.from_regex(_OBSOLETE, fullmatch=True), max_size=3),
}


@settings(max_examples=20, phases=UNSHRUNK)
@given(st.lists(st.fixed_dictionaries(identifiers), min_size=1, max_size=6))
def test_what_the_patterns_allow_rpm_takes(values: list[dict[str, object]]) -> None:
    with tempfile.TemporaryDirectory(prefix="paack-unit-") as scratch:
        home = Path(scratch)
        assert_unchanged(home, [package_of(home, **each) for each in values])


def test_dependencies_come_back(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    image = put_image(cache, "quay.io/a/b:1.0", [small_layer("x")])
    package = package_of(
        tmp_path,
        images=["quay.io/a/b:1.0"],
        requires=["microshift = 4.20.26", "other"],
        conflicts=["microshift < 4.20.26"],
        obsoletes=["old-containers < 2:1.0~rc1-3", "other = 1"],
    )
    held = [Contents("x86_64", (image,), None, ("mine(x) = 1",))]
    spec = render_spec(package, held, epoch=EPOCH).text
    form = "[R %{REQUIRENEVRS}\n][C %{CONFLICTNEVRS}\n][O %{OBSOLETENEVRS}\n][P %{PROVIDENEVRS}\n]"
    said = query(tmp_path, [spec], form, "--target", "x86_64")[0].splitlines()
    assert {"R microshift = 4.20.26", "R other", "C microshift < 4.20.26"} <= set(said)
    obsoleted = [line[2:] for line in said if line.startswith("O ")]
    assert obsoleted == ["old-containers < 2:1.0~rc1-3", "other = 1"]
    provided = {line[2:] for line in said if line.startswith("P ")}
    names = {
        image.names[0],
        image.names[1],
        f"quay.io/a/b@{image.list}",
        f"quay.io/a/b@{image.manifest}",
    }
    assert {f"container-image({name})" for name in names} < provided
    assert "mine(x) = 1" in provided


def test_the_built_package_says_the_same(tmp_path: Path) -> None:
    """Not only rpmspec: the source RPM, the RPM, and a second parse of the spec in the former."""
    package = package_of(
        tmp_path,
        summary="%(touch canary) 100% \\ # {x} %{lua:os.exit(1)} ü\\",
        license="MIT and %{?dist}",
        url="https://example.com/%20?a=%{name}#x",
        description="a %(touch canary)\n\n  b %{expand:%%} \\\nc \\\\ %if # %[1+1]\\\n",
    )
    manifests = read_manifests(tmp_path / "manifests")
    spec = render_spec(package, [Contents("x86_64", (), manifests)], epoch=EPOCH)
    sources: dict[str, bytes | Path] = {
        source.name: source.content for source in spec.sources if source.content is not None
    }
    form = "".join(f"%{{{tag}}}{END}" for tag in TAGS)
    for build in (build_srpm, build_rpm):
        built = build(make_topdir(tmp_path / build.__name__, spec, sources), "noarch")
        assert asked(built, form).split(END)[:-1] == list(expected(package).values())
        assert asked(built, "%{BUILDTIME}") == str(EPOCH)
    assert asked(built, "[%{FILENAMES}\n]").splitlines()[-1].endswith("/a.yaml")
    assert not list(tmp_path.rglob("canary"))


def asked(rpm: Path, form: str) -> str:
    command = ["rpm", "--query", "--package", "--nosignature", "--queryformat", form, str(rpm)]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode()


@pytest.mark.parametrize(
    ("archives", "noarch"),
    [([b"a"], True), ([b"a", b"a"], True), ([b"a", b"b"], False), ([b"a", None], True)],
)
def test_manifests_that_are_the_same_everywhere_need_no_arch(
    tmp_path: Path, archives: Sequence[bytes | None], noarch: bool
) -> None:
    package = package_of(tmp_path)
    held = [
        Contents(arch, (), Manifests(("a.yaml",), archive) if archive else None)
        for arch, archive in zip(("x86_64", "aarch64"), archives, strict=False)
    ]
    spec = render_spec(package, held, epoch=EPOCH)
    assert spec.noarch is noarch
    assert spec.rpm_arch("aarch64") == ("noarch" if noarch else "aarch64")
    assert query(tmp_path, [spec.text], "%{NAME}") == ["app"]


def test_a_spec_depends_on_nothing_but_its_values(tmp_path: Path) -> None:
    one = package_of(tmp_path, summary="x")
    assert render_spec(one, contents(one), epoch=EPOCH) == render_spec(
        one, contents(one), epoch=EPOCH
    )
    assert members_of(read_manifests(tmp_path / "manifests").archive)[0].name == "a.yaml"
