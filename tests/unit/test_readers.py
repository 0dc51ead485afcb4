"""Files that tell of packages: read as those who write them read them; any bytes are survived."""

from __future__ import annotations

import importlib.metadata
import io
import json
import struct
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packageurl import PackageURL

from paack.helpers.packages.jar_directory import shortened
from paack.helpers.packages.package import Distribution, Package, clean, purl
from paack.helpers.packages.readers import Found, is_link_of_documents, kind_of, read_file
from tests.support.commands import run

KINDS = ("dpkg", "apk", "python", "node", "rpm", "java", "go", "os-release", "copyright")


def read(kind: str, content: bytes | str, path: str = "x") -> Found:
    raw = content.encode() if isinstance(content, str) else content
    return read_file(path.encode(), kind, io.BytesIO(raw), len(raw), Path("/nonexistent"))


def named(found: Found) -> list[str]:
    assert found.problem == ""
    return [f"{each.name} {each.version}" for each in found.packages]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("var/lib/dpkg/status", "dpkg"),
        ("srv/root/var/lib/dpkg/status", "dpkg"),
        ("xvar/lib/dpkg/status", ""),
        ("var/lib/dpkg/status-old", ""),
        ("var/lib/dpkg/status.d/base", "dpkg"),
        ("var/lib/dpkg/status.d/base.md5sums", ""),
        ("lib/apk/db/installed", "apk"),
        ("usr/lib/apk/db/installed", "apk"),
        ("usr/lib/sysimage/rpm/rpmdb.sqlite", "rpm"),
        ("var/lib/rpm/Packages", "rpm"),
        ("srv/Packages", ""),
        ("usr/lib/python3/dist-packages/a-1.dist-info/METADATA", "python"),
        ("usr/lib/python3/dist-packages/a-1.egg-info/PKG-INFO", "python"),
        ("usr/lib/python3/dist-packages/a-1.egg-info", "python"),
        ("srv/a.egg/EGG-INFO/PKG-INFO", "python"),
        ("METADATA", ""),
        ("srv/node_modules/@a/b/package.json", "node"),
        ("package.json", "node"),
        ("srv/xpackage.json", ""),
        ("opt/a.jar", "java"),
        ("opt/a.war", "java"),
        ("etc/os-release", "os-release"),
        ("srv/etc/os-release", ""),
        ("usr/share/doc/bash/copyright", "copyright"),
        ("usr/share/doc/bash/x/copyright", ""),
        ("bin/sh", ""),
        ("", ""),
    ],
)
def test_which_files_are_read(path: str, kind: str) -> None:
    assert kind_of(path.encode()) == kind


def test_links_of_documents() -> None:
    found = [is_link_of_documents(each) for each in (b"usr/share/doc/a", b"usr/share/doc/a/b")]
    assert found == [True, False]


def test_dpkg_says_the_same() -> None:
    form = "${Package}|${Version}|${Architecture}|${source:Package}|${source:Version}|${Maintainer}"
    said = run(["dpkg-query", "-W", "-f", f"${{db:Status-Status}}|{form}\\n"]).stdout.splitlines()
    found = read("dpkg", Path("/var/lib/dpkg/status").read_bytes())
    lines = set()
    for each in found.packages:
        name, _, version = (each.source or each.name).partition("@")
        source = [name, version or each.version]
        lines.add(
            "|".join(["installed", each.name, each.version, each.arch, *source, each.supplier])
        )
    assert lines == {line for line in said if line.startswith("installed|")}


def test_python_says_the_same() -> None:
    paths = [Path(each) for each in sys.path if each.endswith("site-packages")]
    files = [file for path in paths for file in path.glob("*.dist-info/METADATA")]
    found = [line for file in files for line in named(read("python", file.read_bytes()))]
    said = importlib.metadata.distributions(path=[str(each) for each in paths])
    assert sorted(found) == sorted(f"{each.name} {each.version}" for each in said)
    assert len(found) > 20


@pytest.mark.parametrize(
    ("text", "license_"),
    [
        ("Name: a\nVersion: 1\nLicense-Expression: MIT\nLicense: x\n", "MIT"),
        ("Name: a\nVersion: 1\nLicense: BSD\n", "BSD"),
        ("Name: a\nVersion: 1\nLicense: Copyright\n  all of it\n", ""),
        ("Name: a\nVersion: 1\nLicense: UNKNOWN\n", ""),
        (
            "Name: a\nVersion: 1\nClassifier: License :: OSI Approved :: MIT License\n",
            "MIT License",
        ),
    ],
)
def test_licences_of_python(text: str, license_: str) -> None:
    (package,) = read("python", text).packages
    assert package.license == license_


def test_alpine() -> None:
    text = "C:Q1\nP:musl\nV:1.2.4-r1\nA:x86_64\nL:MIT\no:musl\nm:N L <n@l>\nF:lib\nR:ld\n\n"
    text += "P:musl-utils\nV:1.2.4-r1\nA:x86_64\nL:MIT AND BSD-2-Clause\no:musl\n\nP:x\n\n"
    found = read("apk", text)
    assert found.packages == (
        Package("apk", "musl", "1.2.4-r1", "x86_64", "MIT", "N L <n@l>"),
        Package("apk", "musl-utils", "1.2.4-r1", "x86_64", "MIT AND BSD-2-Clause", source="musl"),
    )


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ({"name": "a", "version": "1", "license": "MIT"}, [("a", "1", "MIT", "")]),
        (
            {"name": "@s/a", "version": "1", "license": {"type": "ISC"}, "author": {"name": "Me"}},
            [("@s/a", "1", "ISC", "Me")],
        ),
        (
            {"name": "a", "version": "1", "licenses": [{"type": "A"}, "B"]},
            [("a", "1", "A OR B", "")],
        ),
        ({"type": "module"}, []),
        ({"name": "a", "version": 1}, []),
        ({"name": ["a"], "version": {}}, []),
        ([1], []),
    ],
)
def test_node(content: object, wanted: list[tuple[str, ...]]) -> None:
    found = read("node", json.dumps(content)).packages
    assert [(each.name, each.version, each.license, each.supplier) for each in found] == wanted


def jar(files: Mapping[str, bytes | str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return out.getvalue()


def pom(group: str, name: str, version: str) -> tuple[str, str]:
    path = f"META-INF/maven/{group}/{name}/pom.properties"
    return path, f"#Generated\nversion={version}\ngroupId={group}\nartifactId={name}\n"


def test_java() -> None:
    manifest = (
        "Manifest-Version: 1.0\r\nImplementation-Ver\r\n sion: 2.1\r\nBundle-License: MIT\r\n"
    )
    plain = jar({"META-INF/MANIFEST.MF": manifest})
    assert named(read("java", plain, "opt/thing.jar")) == ["thing 2.1"]
    assert named(read("java", plain, "opt/thing-api-3.0-rc1.jar")) == ["thing-api 3.0-rc1"]
    shaded = jar(
        dict([pom("org.a", "a", "1"), pom("org.b", "b", "2")]) | {"META-INF/MANIFEST.MF": manifest}
    )
    assert named(read("java", shaded, "a-1.jar")) == ["a 1", "b 2"]
    fat = jar({"BOOT-INF/lib/a-1.jar": shaded, "META-INF/MANIFEST.MF": "", "x/thing-4.JAR": plain})
    assert named(read("java", fat, "app.war")) == ["a 1", "b 2", "thing 4"]


@given(
    names=st.dictionaries(
        st.sampled_from(["A.class", "META-INF/MANIFEST.MF", "lib/b-2.jar", pom("g", "n", "3")[0]])
        | st.text("abcd/ÄZ.", max_size=12).map(lambda text: f"{text}.jar"),
        st.sampled_from(["", "Implementation-Version: 4", pom("g", "n", "3")[1]]),
    ),
    before=st.binary(max_size=9),
    comment=st.sampled_from([b"", b"a note"]),
)
def test_a_shorter_list_of_a_jar(names: dict[str, str], before: bytes, comment: bytes) -> None:
    """What is left of the list reads as it does in the whole."""
    out = io.BytesIO(jar(names))
    with zipfile.ZipFile(out, "a") as made:
        made.comment = comment
    content = before + out.getvalue()
    whole = zipfile.ZipFile(io.BytesIO(content))
    short = zipfile.ZipFile(shortened(io.BytesIO(content), lambda name: name.endswith(b".jar")))
    wanted = {name for name in whole.namelist() if name.endswith(".jar") or comment}
    assert {name: short.read(name) for name in short.namelist()} == {
        name: whole.read(name) for name in wanted
    }


def test_jars_that_unpack_to_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    from paack.helpers.packages import java

    monkeypatch.setattr(java, "_UNPACKED_LIMIT", 1 << 20)
    monkeypatch.setattr(java._Budget.__init__, "__defaults__", (1 << 20,))
    bomb = jar({"a.jar": bytes(1 << 21)})
    assert "more than" in read("java", bomb, "b.jar").problem
    nest = jar({"META-INF/MANIFEST.MF": "", "a.txt": ""})
    for _ in range(50):
        nest = jar({"x-1.jar": nest})
    assert read("java", nest, "b.jar").problem == ""


def binary(text: str, *, version: str = "go1.23.4", wide: bool = True) -> bytes:
    """Return an ELF file with the section that Go's linker writes (debug/buildinfo)."""
    wrapped = b"0" * 16 + text.encode() + b"1" * 16 if text else b""
    body = b"\xff Go buildinf:" + bytes([8, 2]) + bytes(16)
    for part in (version.encode(), wrapped):
        size, varint = len(part), b""
        while size >= 0x80:
            varint, size = varint + bytes([size & 0x7F | 0x80]), size >> 7
        body += varint + bytes([size]) + part
    names = b"\0.shstrtab\0.go.buildinfo\0"
    start = 64 if wide else 52
    table = start + len(body) + len(names)
    head = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9) + struct.pack("<HHI", 2, 62, 1)
    head += struct.pack("<3QI6H" if wide else "<3II6H", 0, 0, table, 0, start, 0, 0, 0, 3, 1)
    size = 64 if wide else 40
    head = head[: 58 if wide else 46] + struct.pack("<3H", size, 3, 1)

    def section(name: int, offset: int, length: int) -> bytes:
        form = "<IIQQQQ" if wide else "<IIIIII"
        return struct.pack(form, name, 1, 0, 0, offset, length).ljust(size, b"\0")

    sections = section(0, 0, 0) + section(1, start + len(body), len(names))
    return head + body + names + sections + section(11, start, len(body))


MODULES = (
    "path\tcmd/x\nmod\tgithub.com/acme/x\t(devel)\t\ndep\tgolang.org/x/sys\tv0.1.0\th1:x=\n"
    "dep\tgithub.com/a/b/v2\tv2.0.0\n=>\tgithub.com/c/b\tv2.1.0\th1:y=\n"
    "build\tvcs.revision=0123456789abcdef\nbuild\tvcs.time=2024-05-06T07:08:09Z\n"
)


@pytest.mark.parametrize("wide", [True, False])
def test_go(wide: bool) -> None:
    assert named(read("go", binary(MODULES, wide=wide))) == [
        "stdlib 1.23.4",
        "github.com/acme/x v0.0.0-20240506070809-0123456789ab",
        "golang.org/x/sys v0.1.0",
        "github.com/c/b v2.1.0",
    ]


def test_a_real_go_binary() -> None:
    said = run(["skopeo", "--version"]).stdout
    assert said
    found = named(read("go", Path("/usr/bin/skopeo").read_bytes()))
    assert found[0].startswith("stdlib 1.")
    assert found[1].startswith("github.com/containers/skopeo")
    assert named(read("go", Path("/bin/sh").read_bytes())) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ID=alpine\nVERSION_ID=3.18.4\n", ("alpine", "3.18.4")),
        ("ID='a b'\nVERSION_ID=\"9\"\nX='\n", ("a b", "9")),
        ("ID=arch\nBUILD_ID=rolling\n# ID=x\n", ("arch", "rolling")),
        ("", ("", "")),
    ],
)
def test_os_release(text: str, says: tuple[str, str]) -> None:
    assert tuple(dict(read("os-release", text).says).values()) == says


@pytest.mark.parametrize(
    ("package", "wanted"),
    [
        (
            Package("deb", "libc6", "1:2.36-9+deb12u4", "amd64", source="glibc"),
            "pkg:deb/debian/libc6@1:2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12&upstream=glibc",
        ),
        (
            Package("rpm", "bash", "5.2-1.el9", "x86_64", epoch="0", source="bash-5.2-1.src.rpm"),
            "pkg:rpm/debian/bash@5.2-1.el9"
            "?arch=x86_64&distro=debian-12&epoch=0&upstream=bash-5.2-1.src.rpm",
        ),
        (Package("npm", "@s/a", "1"), "pkg:npm/%40s/a@1"),
        (Package("pypi", "A_b", "1+x"), "pkg:pypi/a-b@1%2Bx"),
        (Package("golang", "github.com/a/b/v2", "v2"), "pkg:golang/github.com/a/b/v2@v2"),
        (Package("maven", "a", "1", group="org.x"), "pkg:maven/org.x/a@1"),
        (Package("maven", "a", "1"), "pkg:maven/a/a@1"),
    ],
)
def test_package_urls(package: Package, wanted: str) -> None:
    assert purl(package, Distribution("debian", "12")) == wanted


@given(
    kind=st.sampled_from(["deb", "apk", "rpm", "npm", "pypi", "golang", "maven"]),
    texts=st.lists(st.text(min_size=1), min_size=5, max_size=5),
)
def test_any_name_makes_a_package_url(kind: str, texts: list[str]) -> None:
    name, version, arch, source, epoch = map(clean, texts)
    package = Package(kind, name, version, arch, source=source, epoch=epoch)
    made = purl(package, Distribution("debian", "12"))
    assert made.isascii()
    if name.strip("/ ") and version:
        assert PackageURL.from_string(made).version == version


@settings(max_examples=300)
@given(kind=st.sampled_from(KINDS), content=st.one_of(st.binary(), st.text().map(str.encode)))
def test_any_bytes(kind: str, content: bytes) -> None:
    """Nothing is raised, and no text has what a terminal would act upon."""
    for each in read(kind, content).packages:
        assert (each.name + each.version + each.license).isprintable()


@settings(max_examples=100)
@given(at=st.integers(0, 400), new=st.binary(min_size=1, max_size=4), jarred=st.booleans())
def test_any_damage(at: int, new: bytes, jarred: bool) -> None:
    content = bytearray(jar(dict([pom("org.a", "a", "1")])) if jarred else binary(MODULES))
    at %= len(content)
    content[at : at + len(new)] = new
    read("java" if jarred else "go", bytes(content))
