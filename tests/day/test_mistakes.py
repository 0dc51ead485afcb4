"""The mistakes of a first day: exit code, one message, a hint; each command in a hint helps.

They are typed in a directory of the user's, who is not root, through the program, make and invoke.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from paack.helpers.oci.layout import layout_of
from tests.day.front import BIN, ENVIRONMENT, FRONTS, typed
from tests.support.commands import run
from tests.support.product import REPOSITORY
from tests.support.registry import Registry
from tests.support.thorough import THOROUGH

GOOD = """\
packages:
- name: hello-containers
  version: 1.0.0
  arches: [x86_64]
  images: ["oci:./layout:localhost/hello:1.0"]
"""
POD = """\
kind: Pod
metadata: {name: hello}
spec:
  containers:
  - {name: hello, image: "localhost/hello:1.0"}
"""
#: Who may not write anywhere else.
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
#: Without any right of root's either, but for files that only root can read: Python may be there.
ALIAS = ["unshare", "--user", "--map-user=65534", "--map-group=65534"]


@dataclass
class User:
    """Someone with a home, a layout with an image in it, and an RPM of it."""

    home: Path
    rpm: Path
    become: list[str] = field(default_factory=list)

    def write(self, text: str, name: str = "app.yaml") -> None:
        """Write a file of the user's."""
        path = self.home / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        self.own(path.parent)

    def own(self, top: Path) -> None:
        """Give all below ``top`` to the user."""
        if self.become == NOBODY:
            for path in (top, *top.rglob("*")):
                os.chown(path, 65534, 65534, follow_symlinks=False)

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command there; a shell's PWD is where it is."""
        home = str(self.home)
        places = {"HOME": home, "PWD": home, "XDG_RUNTIME_DIR": home}
        environment = {**ENVIRONMENT, **places, "PYTHONDONTWRITEBYTECODE": "1"}
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "CONTAINERS_REGISTRIES_CONF"):
            environment.pop(name, None)
        words = [*self.become, *command]
        return subprocess.run(
            words, cwd=home, env=environment, capture_output=True, text=True, check=False
        )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home to be copied: a layout, and an RPM that was built of it."""
    home = tmp_path_factory.mktemp("model")
    layout_of(REPOSITORY / "images/demo/rootfs", home / "layout", ["x86_64"])
    user = User(home, Path())
    user.write(GOOD)
    done = user.run([str(BIN / "paack"), "build", "app.yaml"])
    assert done.returncode == 0, done.stderr
    for name in ("app.yaml", "app.lock.yaml"):
        (home / name).unlink()
    return home


@pytest.fixture(scope="module")
def become() -> list[str]:
    """What makes a command that of a user who is not root."""
    return next(filter(_can_run, (NOBODY, ALIAS)), [])


@pytest.fixture
def user(model: Path, become: list[str]) -> Iterator[User]:
    # Not tmp_path, which is root's alone.
    top = Path(tempfile.mkdtemp(prefix="paack-user-"))
    top.chmod(0o755)
    shutil.copytree(model / "layout", top / "home/layout")
    made = User(top / "home", next(model.glob("_output/rpms/*/*.rpm")), become)
    made.own(made.home)
    yield made
    shutil.rmtree(top)


def _can_run(become: list[str]) -> bool:
    """Whether root can become that user here, and that user start paack."""
    words = [*become, "sh", "-c", 'exec "$0" --version', str(BIN / "paack")]
    done = subprocess.run(words, env={"HOME": "/tmp"}, capture_output=True, check=False)
    return os.geteuid() == 0 and done.returncode == 0


@dataclass(frozen=True)
class Case:
    """``options`` of a task, or ``words`` as they are; what it says, and what is not said.

    ``cure`` is the command in the hint (a pattern); after it the task ends with ``after``.
    """

    task: str
    status: int
    said: str
    hint: str = ""
    options: dict[str, object] = field(default_factory=lambda: {"def_": "app.yaml"})
    arrange: Callable[[User], None] = lambda user: user.write(GOOD)
    words: tuple[str, ...] = ()
    never: str = "Traceback"
    cure: str = ""
    after: int = 0
    fronts: tuple[str, ...] = ()

    def started(self) -> tuple[str, ...]:
        """Return how the task is started: thorough tests do it in each way, others in one."""
        if THOROUGH:
            return self.fronts or (("paack",) if self.words else FRONTS)
        fronts = self.fronts or ("paack",)
        return fronts[len(self.said) % len(fronts) :][:1]


def writing(text: str, name: str = "app.yaml") -> Callable[[User], None]:
    return lambda user: user.write(text, name)


def copied(name: str, size: int | None = None) -> Callable[[User], None]:
    def arrange(user: User) -> None:
        shutil.copy(user.rpm, user.home / name)
        if size:
            os.truncate(user.home / name, size)
        user.own(user.home)

    return arrange


def twins(user: User) -> None:
    user.write(GOOD)
    user.write(GOOD, "app.yml")


def spaced(user: User) -> None:
    user.write(GOOD, "my app.yaml")


def stale(user: User) -> None:
    user.write("paack: 1\nimages: []\n", "app.lock.yaml")
    user.write(GOOD)


def lacking(user: User) -> None:
    manifests = "  arches: [x86_64]\n  manifests: ./manifests\n"
    user.write(GOOD.replace("  arches: [x86_64]\n", manifests).replace("hello:1.0", "other:1.0"))
    user.write(POD.replace("localhost/hello:1.0", "quay.io/acme/web:1"), "manifests/pod.yaml")


def credentials(text: str) -> Callable[[User], None]:
    def arrange(user: User) -> None:
        user.write(GOOD)
        user.write(text, "auth.json")

    return arrange


NO_LIST = GOOD.replace("[x86_64]", "x86_64")
OCI = GOOD.replace("[x86_64]", "[amd64]")
AUTH: dict[str, object] = {"def_": "app.yaml", "authfile": "auth.json"}
FROZEN: dict[str, object] = {"def_": "app.yaml", "frozen": True, "output": "out"}
SPACES: dict[str, object] = {"def_": "my app.yaml", "frozen": True, "output": "out"}
LOCK = r"(?:make -C \S+ lock '?DEF=|\S+ lock --def )'?(?:my )?app\.yaml'?"

CASES = {
    "two documents": Case("check", 3, "app.yaml:7: error: is not YAML", "put all packages into one list", arrange=writing(f"{GOOD}---\n{GOOD}")),
    "a tab": Case("check", 3, "app.yaml:2: error: is not YAML", "indent with spaces", arrange=writing("packages:\n\t- name: a\n")),
    "no list": Case("check", 3, r"app.yaml:4: error: packages\[0\].arches must be a list", r"write arches: \[x86_64\]", arrange=writing(NO_LIST), never="no architecture"),
    "OCI's word": Case("check", 3, r"packages\[0\].arches\[0\]: 'amd64' is not known", "write x86_64", arrange=writing(OCI), never="no architecture"),
    "OCI's word as an option": Case("build", 2, "no package of app.yaml is for 'amd64'", "write x86_64", {"def_": "app.yaml", "arch": ["amd64"], "output": "out"}, fronts=("paack", "make")),
    "a lock": Case("lock", 3, "app.lock.yaml: is a lock", "name its definition: app.yaml", {"def_": "app.lock.yaml"}, stale),
    "an RPM": Case("build", 3, "a.rpm: is an RPM", "the YAML file that it was made from", {"def_": "a.rpm", "output": "out"}, copied("a.rpm")),
    "no credentials": Case("lock", 2, "auth.json: holds no credentials", "podman login", AUTH, credentials("user: me"), fronts=FRONTS),
    "credentials that are not there": Case("check", 2, "AUTHFILE; it takes: DEF", options=AUTH, fronts=("make",)),
    "a truncated RPM": Case("diff", 7, "b.rpm: is truncated or damaged", "bring it here again", {"old": "b.rpm", "new": "b.rpm"}, copied("b.rpm", 9000), never="rpm2archive", fronts=("paack", "make")),
    "a word too many": Case("lock", 2, "lock: one word too many: 'other.yaml'", "--help lock", words=("lock", "app.yaml", "other.yaml")),
    "a task with a typo": Case("lock", 2, "there is no task 'bild'", "did you mean 'build'", words=("bild", "app.yaml")),
    "help for a typo": Case("lock", 2, "there is no task 'bild'", "did you mean 'build'", words=("--help", "bild")),
    "help, another way": Case("lock", 2, "there is no task 'bild'", "did you mean 'build'", words=("help", "bild")),
    "an option with a typo": Case("lock", 2, "lock has no option --updat", "did you mean '--update'", words=("lock", "app.yaml", "--updat")),
    "an error and no lock": Case("check", 3, "app.yaml:2: error: .*'x y' is not valid", arrange=writing(GOOD.replace("hello-containers", "x y")), never="lock"),
    "no lock": Case("build", 4, "app.lock.yaml: there is no lock", "commit", FROZEN, cure=LOCK, fronts=FRONTS),
    "spaces": Case("build", 4, "my app.lock.yaml: there is no lock", "commit", SPACES, spaced, cure=LOCK, fronts=("paack", "make")),
    "a stale lock": Case("build", 4, "oci:./layout.* is not locked for", "keeps every digest", FROZEN, stale, cure=LOCK, fronts=("make",)),
    "no lock, checked": Case("check", 4, "app.lock.yaml: error: there is no lock", cure=LOCK, fronts=("paack", "make")),
    "an image that lacks": Case("build", 3, "quay.io/acme/web:1 is not packaged", "check", {"def_": "app.yaml", "frozen": True, "output": "out"}, lacking, cure=r"(?:make -C \S+ check '?DEF=app.yaml'? ADD=1|\S+ check --def app.yaml --add)", after=4, fronts=("paack", "make")),
    "twins": Case("lock", 3, "app.yaml and app.yml are both here", "another name", arrange=twins),
    "no file": Case("check", 3, "app.yaml: error: cannot be read", "a relative one starts in /.*/home", arrange=lambda user: None, fronts=FRONTS),
    "nothing built": Case("report", 2, "no RPM was built in out/rpms", "FILE", {"output": "out"}, fronts=("paack", "make")),
    "nothing to verify": Case("verify", 2, "no RPM was built in out/rpms", "FILE", {"output": "out"}, fronts=("paack", "make")),
    "no definition": Case("lock", 2, "no definition is named", "DEF=images/demo/demo.yaml", {}, fronts=("make",)),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "front"), [(name, front) for name, case in CASES.items() for front in case.started()]
)
def test_mistakes(user: User, name: str, front: str) -> None:
    case = CASES[name]
    case.arrange(user)
    command = (
        [str(BIN / "paack"), *case.words] if case.words else typed(front, case.task, case.options)
    )
    done = user.run(command)
    told = done.stdout + done.stderr
    assert done.returncode == (2 if front == "make" else case.status), told
    assert re.search(case.said, told), told
    assert case.never not in told and "Traceback" not in told
    assert re.search(case.hint, told), told
    hints = re.findall(r"^  hint: (.*)$", told, re.M)
    commands = [each for each in hints if re.search(r"(^|\W)(paack|make|invoke) ", each)]
    assert front != "make" or not any(re.search(r"(?<!\S)--[a-z]", each) for each in hints)
    if case.cure:
        (found,) = {match[0] for each in commands if (match := re.search(case.cure, each))}
        cured = user.run(["sh", "-c", _with_programs(found)])
        assert cured.returncode in (0, 2, 3, 4), cured.stderr
        after = user.run(command)
        assert after.returncode == (2 if front == "make" and case.after else case.after), (
            after.stderr
        )
        assert not re.search(case.said, after.stdout + after.stderr)


def _with_programs(command: str) -> str:
    """What the tests start another way than a user does: nothing is installed in between."""
    if command.startswith("make "):
        return f"make -o deps PAACK={BIN / 'paack'} {command.removeprefix('make ')}"
    # invoke looks for tasks where it is started, as its hints do.
    return re.sub(r"^\S*invoke ", f"{BIN / 'invoke'} --search-root {REPOSITORY} ", command)


def test_a_registry_without_tls(user: User, model: Path) -> None:
    with Registry(model) as registry:
        source, image = f"oci:{model}/layout:localhost/hello:1.0", f"{registry.host}/hello:1.0"
        policy = ["--insecure-policy", *registry.skopeo_options("dest")]
        run(["skopeo", *policy[:1], "copy", *policy[1:], source, f"docker://{image}"])
        user.write(GOOD.replace("oci:./layout:localhost/hello:1.0", image))
        command = typed("paack", "lock", {"def_": "app.yaml"})
        done = user.run(command)
        assert done.returncode == 6, done.stderr
        assert f"{registry.host} speaks http, not https" in done.stderr
        assert "certificate" not in done.stderr
        (hint,) = re.findall(r"^  hint: if that is right, say so: (.*)$", done.stderr, re.M)
        assert user.run(["sh", "-c", hint]).returncode == 0
        assert user.run(command).returncode == 0
