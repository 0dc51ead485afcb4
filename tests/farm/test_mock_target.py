"""What mock's configurations say is read without running them; they are Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from paack.helpers.errors import UsageError
from paack.helpers.farm.mock_target import Target, find_target, target_names

_ARCH = "config_opts['target_arch'] = 'aarch64'\n"
_DEFAULT = Path("/var/lib/mock")


def target(directory: Path, text: str, name: str = "some-1-x86_64") -> Target:
    """Write a configuration and return what is made of it."""
    (directory / f"{name}.cfg").write_text(text)
    return find_target(name, directory)


@pytest.mark.parametrize(
    ("text", "arch", "hosts"),
    [
        ("", "x86_64", ("x86_64",)),
        (_ARCH, "aarch64", ("aarch64",)),
        (_ARCH + "config_opts['legal_host_arches'] = ('aarch64',)\n", "aarch64", ("aarch64",)),
        (_ARCH + "config_opts['legal_host_arches'] = ['a', 'b']\n", "aarch64", ("a", "b")),
        (_ARCH + "config_opts['legal_host_arches'] = some(call)\n", "aarch64", ("aarch64",)),
        (_ARCH + "config_opts['target_arch'] = 'ppc64le'\n", "ppc64le", ("ppc64le",)),
        ("include('templates/t.tpl')\n", "aarch64", ("aarch64",)),
        ("include('templates/t.tpl')\nconfig_opts['target_arch'] = 's'\n", "s", ("s",)),
        ("include('templates/loop.tpl')\n", "riscv64", ("riscv64",)),
        ("include('templates/missing.tpl')\n", "x86_64", ("x86_64",)),
        ("include(some + 'thing')\n", "x86_64", ("x86_64",)),
        ("this is: not python\n" + _ARCH, "x86_64", ("x86_64",)),
        ("if True:\n  " + _ARCH, "x86_64", ("x86_64",)),
    ],
)
def test_architecture(tmp_path: Path, text: str, arch: str, hosts: tuple[str, ...]) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t.tpl").write_text(_ARCH)
    loop = "include('templates/loop.tpl')\nconfig_opts['target_arch'] = 'riscv64'\n"
    (tmp_path / "templates/loop.tpl").write_text(loop)
    found = target(tmp_path, text)
    assert (found.arch, found.host_arches) == (arch, hosts)


@pytest.mark.parametrize(
    ("name", "arch"),
    [
        ("fedora-rawhide-x86_64", "x86_64"),
        ("centos-stream+epel-next-9-aarch64", "aarch64"),
        ("almalinux-10-x86_64_v2", "x86_64_v2"),
        ("custom-1-i386", "i386"),
    ],
)
def test_architecture_in_the_name(tmp_path: Path, name: str, arch: str) -> None:
    assert target(tmp_path, "", name).arch == arch


@pytest.mark.parametrize(
    ("site", "own", "expected"),
    [
        ("", "", _DEFAULT),
        ("config_opts['basedir'] = '/a'\n", "", Path("/a")),
        ("config_opts['basedir'] = '/a'\n", "config_opts['basedir'] = '/b'\n", Path("/b")),
        ("config_opts['basedir'] = '{{x}}/a'\n", "", _DEFAULT),
        ("config_opts['basedir'] = 7\n", "", _DEFAULT),
    ],
)
def test_place_of_chroots(tmp_path: Path, site: str, own: str, expected: Path) -> None:
    (tmp_path / "site-defaults.cfg").write_text(site)
    assert target(tmp_path, own).basedir == expected


def test_nothing_is_run(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    text = f"config_opts['target_arch'] = open({str(trap)!r}, 'w').name\nopen({str(trap)!r}, 'w')\n"
    assert target(tmp_path, text).arch == "x86_64"
    assert not trap.exists()


def test_names(tmp_path: Path) -> None:
    for name in ("a-1-x86_64", "site-defaults", "chroot-aliases", "b-2-aarch64"):
        (tmp_path / f"{name}.cfg").touch()
    (tmp_path / "logging.ini").touch()
    assert {"a-1-x86_64", "b-2-aarch64"} <= set(target_names(tmp_path))
    assert not {"site-defaults", "chroot-aliases", "logging"} & set(target_names(tmp_path))


def test_outside_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    with pytest.raises(UsageError):
        find_target("nothing-here", tmp_path / "configs")
    with pytest.raises(UsageError):
        find_target("", tmp_path / "configs")
