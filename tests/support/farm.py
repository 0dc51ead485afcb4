"""What the tests of farms share: a package to build, and an ordinary user who builds it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from paack.helpers.oci.layout import ImageSpec, layer_of, write_image
from tests.support import oddities
from tests.support.cache import cache_dir
from tests.support.commands import MINIMAL_ENVIRONMENT, run
from tests.support.host import Host
from tests.support.product import REPOSITORY, Paack, definition_text

ARCHES = ("x86_64", "aarch64")
USER = 4242
MOCK_GROUP = 4243
_PAYLOAD = "%{PAYLOADDIGEST}"
_INTERRUPT = """
import signal, subprocess, sys
words, *command = sys.argv[1:]
# Where the tests run in the background of a script, it is ignored.
signal.signal(signal.SIGINT, signal.SIG_DFL)
child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
for line in child.stderr:
    sys.stderr.write(line)
    if words in line:
        child.send_signal(signal.SIGINT)
sys.exit(child.wait())
"""


def write_app(directory: Path, *, name: str = "app", **more: str) -> Path:
    """Write a definition with an odd image and manifests, of two arches; nothing is fetched."""
    layers = [oddities.ALL["lower"](), oddities.ALL["upper"]()]
    images = [ImageSpec(arch, [*layers, _layer_of(directory, arch)]) for arch in ARCHES]
    write_image(directory / "layout", "localhost/app:1", images)
    (directory / "manifests").mkdir(exist_ok=True)
    (directory / "manifests" / "pod.yaml").write_text("kind: Pod\n")
    where = "/usr/lib/microshift/manifests.d/app"
    more = {"manifests": "./manifests", "manifestPath": where, **more}
    text = definition_text(name, ["oci:layout:localhost/app:1"], arches=ARCHES, **more)
    path = directory / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def payload(rpm: Path) -> str:
    """Return the digest of an RPM's payload: all files with owners, modes and times."""
    return query(rpm, _PAYLOAD)


def query(rpm: Path, form: str) -> str:
    """Return what rpm says of a package file."""
    return run(["rpm", "-qp", "--nosignature", "--qf", form, str(rpm)]).stdout


@contextmanager
def machine(base: Path) -> Iterator[Host]:
    """The machine again, with group mock, where any user may read this program's files.

    The user called builder lives in ``base/home``.
    """
    shared = [base, REPOSITORY, Path(sys.base_prefix).resolve(), cache_dir()]
    with Host(Path("/"), shared=shared) as host:
        above = {str(parent) for directory in shared for parent in directory.parents}
        host.run(["chmod", "a+x", *above])
        for command in (["userdel", "builder"], ["groupdel", "mock"]):
            host.run(command, check=False)
        host.run(["groupadd", "--gid", str(MOCK_GROUP), "mock"])
        home = str(base / "home")
        host.run(["useradd", "--uid", str(USER), "--no-create-home", "--home", home, "builder"])
        yield host


def as_user(
    host: Host,
    paack: Paack,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    groups: str = str(MOCK_GROUP),
    wrapper: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """Run paack on the host as an ordinary user, who is in ``groups`` (none: ``""``).

    ``wrapper`` is a program that gets the command as its arguments.
    """
    command, whole = paack.command(*arguments)
    member = [f"--groups={groups}"] if groups else ["--clear-groups"]
    user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", *member, "--"]
    names = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "XDG_CACHE_HOME")
    chosen = {name: whole[name] for name in names}
    settings = {**chosen, "HOME": str(paack.home), **paack.environment, **(env or {})}
    place = ["env", f"--chdir={paack.home}"]
    return host.run([*user, *place, *wrapper, *command], check=False, env=settings)


def interrupt_at(words: str) -> list[str]:
    """Return a program that runs its arguments and sends SIGINT when they say ``words``.

    It says what they said (on stderr), and ends as they do.
    """
    return [sys.executable, "-c", _INTERRUPT, words]


def give_to_user(directory: Path) -> None:
    """Make a directory the ordinary user's."""
    run(["chown", "--recursive", f"{USER}:{USER}", str(directory)])


def first_on_path(directory: Path) -> dict[str, str]:
    """Return an environment in which programs of ``directory`` stand in for the machine's."""
    return {"PATH": os.pathsep.join([str(directory), MINIMAL_ENVIRONMENT["PATH"]])}


def _layer_of(directory: Path, arch: str) -> bytes:
    """Return a layer that differs between arches."""
    place = directory / "rootfs" / arch
    place.mkdir(parents=True, exist_ok=True)
    (place / "arch").write_text(f"{arch}\n")
    return layer_of(place)
