"""Mock's targets: its configuration files, what they are for, and whether mock can run here.

The files are Python, which mock executes. Here they are only parsed: what is assigned to
``config_opts`` as a literal, along ``include('FILE')``. See mock(1), "FILES".
"""

from __future__ import annotations

import ast
import difflib
import grp
import os
import platform
import pwd
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.errors import ToolError, UsageError

CONFIGDIR = Path("/etc/mock")
_BASEDIR = Path("/var/lib/mock")
_NOT_TARGETS = frozenset({"site-defaults", "chroot-aliases"})
_ARCH = re.compile(r"(?:.*-)(?P<arch>[a-z0-9]+(?:_[a-z0-9]+)*)")
#: RPM arch -> the word in /usr/bin/qemu-WORD-static, where it is another (mock's table).
_QEMU = {"armv7hl": "arm", "i686": "i386"}


@dataclass(frozen=True, slots=True)
class Target:
    """A mock configuration: what ``mock -r`` takes, and what its file says.

    ``arch`` is RPM's word, ``host_arches`` those that build it without an emulator, ``basedir``
    where its chroot goes.
    """

    name: str
    config: Path
    arch: str
    host_arches: tuple[str, ...]
    basedir: Path


def find_target(name: str, configdir: Path | None = None) -> Target:
    """Return the target ``name``: a name of a configuration, or the path of a .cfg file.

    Raises UsageError with suggestions when there is none.
    """
    where = configdir or CONFIGDIR
    config = Path(name) if name.endswith(".cfg") else _config_of(name, where)
    known = config is not None and config.is_file() and config.stem not in _NOT_TARGETS
    if config is None or not known or name.startswith("-"):
        raise UsageError(f"mock has no target {name!r}", hint=_suggest(name, where))
    options = _options(config, where)
    arch = str(options.get("target_arch") or _arch_in(config.stem))
    if not arch:
        raise UsageError(
            f"{config} does not say for which architecture it is",
            hint="add: config_opts['target_arch'] = 'x86_64'",
        )
    legal = options.get("legal_host_arches")
    hosts = tuple(map(str, legal)) if isinstance(legal, list | tuple) else (arch,)
    return Target(name, config, arch, hosts, _basedir(where, options))


def target_names(configdir: Path | None = None) -> list[str]:
    """Return the names of all targets, sorted: those of the user, and those of ``configdir``."""
    found = {
        path.stem
        for directory in (_home() / ".config/mock", configdir or CONFIGDIR)
        for path in directory.glob("*.cfg")
    }
    return sorted(found - _NOT_TARGETS)


def check_user() -> None:
    """Raise ToolError when this user may not run mock."""
    if os.geteuid() == 0:
        raise ToolError(
            "mock does not run as root",
            hint="run paack as an ordinary user in group mock (without --target root is fine)",
        )
    try:
        group = grp.getgrnam("mock").gr_gid
    except KeyError:
        group = None
    if group is None or group not in {os.getegid(), *os.getgroups()}:
        raise ToolError(
            "this user is not in group mock",
            hint="sudo usermod -a -G mock $USER   (then log in again, or: newgrp mock)",
        )


def check_emulator(target: Target) -> bool:
    """Return whether mock must emulate the target's CPU; raise ToolError when it cannot."""
    host = platform.machine()
    if host in target.host_arches:
        return False
    emulator = Path(f"/usr/bin/qemu-{_QEMU.get(target.arch, target.arch)}-static")
    if not emulator.exists():
        raise ToolError(
            f"{target.name} is for {target.arch}, which mock emulates on {host} (forcearch); "
            f"{emulator} is not there",
            hint="install qemu-user-static, or leave out --target: rpmbuild needs no emulator",
        )
    return True


def _config_of(name: str, configdir: Path) -> Path | None:
    for directory in (_home() / ".config/mock", configdir):
        path = directory / f"{name}.cfg"
        if path.is_file():
            return path
    return None


def _suggest(name: str, configdir: Path) -> str:
    names = target_names(configdir)
    if not names:
        return f"there are no targets in {configdir}: dnf install mock-core-configs, or --configdir"
    if (configdir / "eol" / f"{name}.cfg").is_file():
        return f"it is past its end of life: --target eol/{name}"
    # epel-9-x86_64 is a chroot of Copr; mock's are called alma+epel-9-x86_64 and the like.
    alike = [each for each in names if each.endswith(f"+{name}")]
    alike += difflib.get_close_matches(name, names, n=4)
    if alike:
        return "did you mean: " + ", ".join(dict.fromkeys(alike)) + "?"
    return f"mock --list-chroots names them; for example: {', '.join(names[:4])}"


def _arch_in(stem: str) -> str:
    match = _ARCH.fullmatch(stem)
    return match["arch"] if match else ""


def _basedir(configdir: Path, options: dict[str, object]) -> Path:
    """Where chroots are: as mock reads them, the user's file has the last word."""
    found: object = None
    for file in (configdir / "site-defaults.cfg", None, _home() / ".config/mock.cfg"):
        said = options if file is None else _options(file, configdir)
        found = said.get("basedir", found)
    return Path(found) if isinstance(found, str) and found.startswith("/") else _BASEDIR


def _options(file: Path, configdir: Path, seen: Sequence[Path] = ()) -> dict[str, object]:
    """Return the literals that a file and those that it includes assign to config_opts."""
    if file in seen:
        return {}
    try:
        statements = ast.parse(file.read_text("utf-8")).body
    except (OSError, ValueError, SyntaxError):
        return {}
    options: dict[str, object] = {}
    for statement in statements:
        match statement:
            case ast.Expr(ast.Call(ast.Name("include"), [ast.Constant(str(path))])):
                options |= _options(configdir / path, configdir, [*seen, file])
            case ast.Assign([ast.Subscript(ast.Name("config_opts"), ast.Constant(str(key)))]):
                try:
                    options[key] = ast.literal_eval(statement.value)
                except ValueError:
                    options.pop(key, None)
    return options


def _home() -> Path:
    """Return the user's home as mock finds it: in the password file."""
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path.home()
