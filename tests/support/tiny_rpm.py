"""Tiny RPMs, made by rpmbuild: one small file each."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.commands import MINIMAL_ENVIRONMENT, run

_SPEC = """\
Name: {name}
Version: {version}
Release: {release}
Summary: A test package
License: MIT
%description
A test package.
%install
install -D -m 644 %{{_sourcedir}}/content %{{buildroot}}/usr/share/{name}/content
%files
/usr/share/{name}
"""
_EPOCH = 1_700_000_000
_DEFINES = {
    "_binary_payload": "w.ufdio",
    "_buildhost": "reproducible",
    "use_source_date_epoch_as_buildtime": "1",
    "clamp_mtime_to_source_date_epoch": "1",
}


@dataclass(frozen=True)
class Tiny:
    """What to make: one RPM per arch, or a source RPM ("src")."""

    name: str
    version: str
    release: str = "1"
    arches: Sequence[str] = ("x86_64", "aarch64")
    content: str | Path = ""
    provides: Sequence[str] = ()
    requires: Sequence[str] = ()

    def build(self, output: Path) -> list[Path]:
        """Put the RPMs below ``output`` as paack does, and return their paths."""
        return [self._build(arch, output) for arch in self.arches]

    def _build(self, arch: str, output: Path) -> Path:
        with tempfile.TemporaryDirectory(prefix="tiny-") as scratch:
            top = Path(scratch)
            (top / "SOURCES").mkdir()
            content = top / "SOURCES" / "content"
            if isinstance(self.content, Path):
                content.symlink_to(self.content)
            else:
                content.write_text(self.content or f"{self.name} {self.version}\n")
            text = _SPEC.format(name=self.name, version=self.version, release=self.release)
            lines = "".join(f"Provides: {name}\n" for name in self.provides)
            lines += "".join(f"Requires: {name}\n" for name in self.requires)
            text = text.replace("%description\n", f"{lines}%description\n", 1)
            if arch == "noarch":
                text = text.replace("License", "BuildArch: noarch\nLicense")
            return build_spec(text, arch, output, top)[0]


def build_spec(text: str, arch: str, output: Path, top: Path) -> list[Path]:
    """Run rpmbuild in ``top`` and move what it makes below ``output``."""
    spec = top / "package.spec"
    spec.write_text(text)
    defines = {**_DEFINES, "_topdir": str(top)}
    options = [word for item in defines.items() for word in ("--define", " ".join(item))]
    what = ["-bs"] if arch == "src" else ["-bb", "--target", arch]
    env = {**MINIMAL_ENVIRONMENT, "HOME": str(top), "SOURCE_DATE_EPOCH": str(_EPOCH)}
    run(["rpmbuild", *what, *options, str(spec)], env=env)
    made = sorted(top.glob("SRPMS/*.rpm") if arch == "src" else top.glob("RPMS/*/*.rpm"))
    target = output / ("srpms" if arch == "src" else f"rpms/{arch}")
    target.mkdir(parents=True, exist_ok=True)
    return [path.rename(target / path.name) for path in made]
