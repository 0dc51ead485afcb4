"""RPMs with release files, as MicroShift builds them: microshift-release-info and its kin."""

from pathlib import Path

from tests.microshift.stand_in import VERSION
from tests.support.commands import run

CORE_INFO, OLM_INFO = "microshift-release-info", "microshift-olm-release-info"
SHARE = "/usr/share/microshift"
SPEC = """
Name: {name}
Version: {version}
Release: 202601010000.p0.gabcdef0.assembly.{version}.el9
Summary: Release information for MicroShift
License: ASL 2.0
BuildArch: noarch
%description
Release information files for MicroShift.
%install
install -d -m 0755 %{{buildroot}}{share}/release %{{buildroot}}{share}/blueprint
for each in {files}; do install -p -m 0644 {source}/$each %{{buildroot}}{share}/release/; done
echo 'name = "x"' >%{{buildroot}}{share}/blueprint/blueprint-x86_64.toml
%files
{share}
"""


def info_rpm(directory: Path, source: Path, name: str, *files: str, version: str = VERSION) -> Path:
    """Build a release-info RPM with the layout of MicroShift's: both arches' files in a noarch."""
    topdir = directory / "rpmbuild" / f"{name}-{version}"
    topdir.mkdir(parents=True)
    spec = topdir / "info.spec"
    values = {"name": name, "version": version, "share": SHARE, "source": source}
    spec.write_text(SPEC.format(**values, files=" ".join(files)))
    payload = ["--define", "_binary_payload w3.zstdio", "--define", f"_topdir {topdir}"]
    run(["rpmbuild", "-bb", *payload, str(spec)])
    (rpm,) = (topdir / "RPMS/noarch").iterdir()
    return rpm
