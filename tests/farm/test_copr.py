"""Copr: the real client against a server that speaks its API, well and badly."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from paack.helpers.errors import UsageError
from paack.helpers.farm.copr_project import choose_chroots, parse_project
from tests.support.certificates import CertificateAuthority
from tests.support.commands import run
from tests.support.copr_server import CHROOTS, TOKEN, CoprServer, Fault
from tests.support.farm import ARCHES, interrupt_at, query, write_app
from tests.support.product import Paack, definition_text

RELEASES = ("centos-stream-9", "fedora-44")
FOUR = tuple(f"{release}-{arch}" for release in RELEASES for arch in sorted(ARCHES))
OWN = "me/images"


@dataclass
class Farm:
    """A definition, a cache and an output directory of its own, and a Copr."""

    paack: Paack
    definition: Path
    server: CoprServer

    def call(
        self, *options: str, project: str = OWN, wrapper: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """``paack copr``, with looks at the builds that follow each other closely."""
        fixed = ["--config", str(self.server.config), "--interval", "0.02"]
        where = ["--def", str(self.definition), "--project", project]
        words = ["copr", *where, *fixed, "--output", str(self.paack.output), *options]
        command, env = self.paack.command(*words)
        return subprocess.run(
            [*wrapper, *command],
            env={**env, **self.server.environment},
            cwd=self.paack.home,
            text=True,
            capture_output=True,
            check=False,
            timeout=120,
        )

    def publish(self, *options: str, project: str = OWN) -> list[str]:
        """Call it, and expect success."""
        done = self.call(*options, project=project)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def fails(self, status: int, *options: str, project: str = OWN) -> str:
        """Call it, expect a status, and return what was said: never the token."""
        done = self.call(*options, project=project)
        assert done.returncode == status, done.stderr
        assert TOKEN not in done.stdout + done.stderr
        return done.stderr

    @property
    def uploads(self) -> list[str]:
        """The uploads that arrived, whole or not."""
        return self.server.asked_for("POST /build/create")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the source RPMs are made once."""
    home = tmp_path_factory.mktemp("copr")
    write_app(home)
    return home


@pytest.fixture
def farm(home: Path, tmp_path: Path) -> Iterator[Farm]:
    state = home / "out" / "copr"
    if state.exists():
        run(["rm", "--recursive", str(state)])
    with CoprServer(tmp_path / "server") as server:
        server.projects[OWN] = list(FOUR)
        yield Farm(Paack(home), home / "app.yaml", server)


def test_success(farm: Farm) -> None:
    """The whole way: what is asked, in which order, and what is told."""
    done = farm.call()
    assert done.returncode == 0, done.stderr
    repositories = [
        f"{farm.server.url}/coprs/me/images/repo/{release}/me-images-{release}.repo"
        for release in RELEASES
    ]
    assert done.stdout.splitlines() == [
        f"dnf copr enable {farm.server.host}/me/images",
        *repositories,
    ]
    assert farm.server.asked[:8] == [
        "GET /auth-check",
        "GET /mock-chroots/list",
        "GET /project",
        "POST /build/check-before-build",
        "GET /build/list",
        "GET /build/list",
        "GET /build/list",
        "POST /build/create/upload",
    ]
    (build,) = farm.server.builds.values()
    srpm = farm.paack.output / "srpms/app-1.0-1.src.rpm"
    assert (build.file, build.content) == (srpm.name, srpm.read_bytes())
    assert sorted(build.chroots) == sorted(FOUR)
    assert f"upload  {srpm.name}: " in done.stderr
    for line in ("build 1: importing", "build 1: running", f"build 1 {FOUR[0]}: succeeded"):
        assert f"copr    {line}" in done.stderr
    assert len(farm.server.asked_for("GET /build/1$")) == len(
        farm.server.asked_for("GET /build-chroot/list")
    )


def test_first_paacks_words(farm: Farm) -> None:
    """``paack copr F OWNER/PROJECT``, with the client's own configuration file."""
    place = farm.paack.home / ".config"
    place.mkdir()
    (place / "copr").write_text(farm.server.config.read_text())
    farm.paack.environment = {**farm.server.environment, "HOME": str(farm.paack.home)}
    words = ["--interval", "0.02", "--output", str(farm.paack.output)]
    done = farm.paack.call("copr", str(farm.definition), OWN, *words)
    assert f"dnf copr enable {farm.server.host}/me/images" in done.stdout
    run(["rm", "--recursive", str(place)])


def test_one_chroot_of_four_fails(farm: Farm) -> None:
    """Its log's end and URL are shown; the next call builds only that one again."""
    bad = FOUR[1]
    farm.server.fate = lambda build, chroot: "failed" if chroot == bad else "succeeded"
    said = farm.fails(10)
    report = said.partition("error: ")[2]
    url = f"{farm.server.url}/results/me/images/{bad}/00000001-app"
    assert f"build 1 failed: {farm.server.url}/coprs/me/images/build/1/" in report
    assert f"{bad}: failed, {url}/" in report
    assert f"log: {url}/builder-live.log.gz" in report
    assert "  | RPM build errors: no more" in report
    assert "line 999\n" in report
    assert "line 900\n" not in report
    assert [each for each in FOUR if each in report] == [bad]
    farm.server.fate = lambda build, chroot: "succeeded"
    done = farm.call()
    assert done.returncode == 0, done.stderr
    assert "same    app-1.0-1 is in me/images already (build 1)" in done.stderr
    assert farm.server.builds[2].chroots == [bad]


def test_canceled(farm: Farm) -> None:
    farm.server.fate = lambda build, chroot: "canceled"
    said = farm.fails(10)
    assert "build 1 canceled: " in said
    assert f"{FOUR[0]}: canceled" in said
    assert not farm.server.asked_for("GET /results")


def test_source_rpm_fails(farm: Farm) -> None:
    """When Copr cannot even import it, the log of that is shown."""
    farm.server.source_fails = True
    said = farm.fails(10)
    assert f"source RPM: failed, {farm.server.url}/results/me/images/srpm-builds/00000001" in said
    assert "  | RPM build errors: no more" in said


def test_no_log(farm: Farm) -> None:
    """A log that is not there hides nothing else."""
    farm.server.fate = lambda build, chroot: "failed"
    farm.server.faults = [Fault("GET /results", 404, times=100)]
    said = farm.fails(10)
    assert all(f"{chroot}: failed, " in said for chroot in FOUR)
    assert "404 Client Error" in said


def test_interrupted_while_following(farm: Farm) -> None:
    """Ctrl-C, and the same command again: one upload, and the build is followed to its end."""
    farm.server.hold = True
    done = farm.call(wrapper=tuple(interrupt_at("build 1: running")))
    assert done.returncode == 130, done.stderr
    assert "the builds go on; the same command follows them again" in done.stderr
    (file,) = (farm.paack.output / "copr").rglob("*.json")
    assert json.loads(file.read_text()) == {"builds": {"app-1.0-1": [1]}}
    farm.server.hold = False
    again = farm.call()
    assert again.returncode == 0, again.stderr
    assert "copr    app-1.0-1: build 1 is under way" in again.stderr
    assert len(farm.uploads) == 1


def test_interrupted_before_the_state_was_kept(farm: Farm) -> None:
    """Without a state file (another machine), Copr's own list tells."""
    farm.server.hold = True
    farm.publish("--nowait")
    run(["rm", "--recursive", str(farm.paack.output / "copr")])
    farm.server.hold = False
    farm.publish()
    assert len(farm.uploads) == 1


def test_damaged_state(farm: Farm) -> None:
    farm.publish()
    (file,) = (farm.paack.output / "copr").rglob("*.json")
    for text in ("", "[]", '{"builds": 1}', '{"builds": {"app-1.0-1": [77]}}'):
        file.write_text(text)
        farm.publish()
    assert len(farm.uploads) == 1


def test_nowait(farm: Farm) -> None:
    farm.server.hold = True
    assert farm.publish("--nowait") == [f"{farm.server.url}/coprs/me/images/build/1/"]
    assert farm.publish("--nowait") == [f"{farm.server.url}/coprs/me/images/build/1/"]
    assert len(farm.uploads) == 1


def test_timeout(farm: Farm) -> None:
    farm.server.hold = True
    said = farm.fails(11, "--timeout", "1")
    assert "not ready in 1 s: build 1" in said


def test_duplicate(farm: Farm) -> None:
    """What succeeded is not built again; not even the source RPM is."""
    farm.publish()
    before = list(farm.server.asked)
    farm.paack.call("srpm", "--def", str(farm.definition), "--output", str(farm.paack.output))
    srpm = farm.paack.output / "srpms/app-1.0-1.src.rpm"
    srpm.unlink()
    done = farm.call()
    assert done.returncode == 0, done.stderr
    assert "same    app-1.0-1 is in me/images already (build 1); other contents" in done.stderr
    assert f"dnf copr enable {farm.server.host}/me/images" in done.stdout
    assert len(farm.uploads) == 1
    assert not srpm.exists()
    assert not [each for each in farm.server.asked[len(before) :] if "create" in each]


def test_next_release_is_no_duplicate(farm: Farm) -> None:
    farm.publish()
    other = farm.paack.home / "next.yaml"
    text = farm.definition.read_text().replace("version: '1.0'", "version: '1.0'\n  release: 2")
    other.write_text(text)
    farm.definition = other
    farm.publish()
    assert [build.file for build in farm.server.builds.values()] == [
        "app-1.0-1.src.rpm",
        "app-1.0-2.src.rpm",
    ]


def test_chroots(farm: Farm) -> None:
    farm.publish("--chroots", "fedora-44")
    farm.publish("--chroots", "centos-stream-9-aarch64,fedora-44-x86_64")
    assert [sorted(build.chroots) for build in farm.server.builds.values()] == [
        ["fedora-44-aarch64", "fedora-44-x86_64"],
        ["centos-stream-9-aarch64"],
    ]


def test_project_that_is_not_there(farm: Farm) -> None:
    said = farm.fails(20, project="me/other")
    assert "there is no Copr project me/other" in said
    assert "--create" in said
    assert farm.uploads == []
    assert "no chroots yet" in farm.fails(2, "--create", project="me/other")
    farm.publish("--create", "--chroots", "centos-stream-10", project="me/other")
    made = [f"centos-stream-10-{arch}" for arch in sorted(ARCHES)]
    assert farm.server.projects["me/other"] == made
    assert farm.server.bodies[0]["name"] == "other"


def test_group_project(farm: Farm) -> None:
    lines = farm.publish("--create", "--chroots", "fedora-44", project="@edge/images")
    assert lines == [
        f"dnf copr enable {farm.server.host}/@edge/images",
        f"{farm.server.url}/coprs/g/edge/images/repo/fedora-44/group_edge-images-fedora-44.repo",
    ]
    assert farm.server.builds[1].owner == "@edge"


def test_project_without_owner(farm: Farm) -> None:
    farm.publish("--chroots", "fedora-44-x86_64", project="images")
    assert farm.server.builds[1].owner == "me"


def test_chroots_that_the_project_lacks(farm: Farm) -> None:
    said = farm.fails(20, "--chroots", "centos-stream-10")
    assert "is not built in centos-stream-10-aarch64, centos-stream-10-x86_64" in said
    farm.publish("--chroots", "centos-stream-10", "--create")
    new = ["centos-stream-10-aarch64", "centos-stream-10-x86_64"]
    assert sorted(farm.server.projects[OWN]) == sorted([*FOUR, *new])
    assert sorted(farm.server.builds[1].chroots) == new


def test_expired_token(farm: Farm) -> None:
    farm.server.token = "another"
    said = farm.fails(20)
    assert "Login invalid/expired" in said
    assert "hint: tokens expire: get a new one at" in said
    assert farm.server.asked == ["GET /auth-check"]


def test_not_allowed(farm: Farm) -> None:
    farm.server.allowed = False
    said = farm.fails(20)
    assert "User 'me' is not allowed to build in 'me/images'" in said
    assert farm.uploads == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "there is no Copr configuration"),
        ("", "is not a usable Copr configuration"),
        ("[copr-cli]\nlogin = a\n", "is not a usable Copr configuration"),
        ("[other]\n", "is not a usable Copr configuration"),
        ("nonsense", "is not a usable Copr configuration"),
        ("[copr-cli]\ncopr_url = http://127.0.0.1:1\n", "should not be http"),
        ("[copr-cli]\ncopr_url = https://127.0.0.1:1\n", "Copr does not know us"),
    ],
)
def test_configuration(farm: Farm, text: str | None, words: str) -> None:
    if text is None:
        farm.server.config.unlink()
    else:
        farm.server.config.write_text(text)
    said = farm.fails(20)
    assert words in said
    assert "api/ and save" in said


def test_client_is_missing(farm: Farm, tmp_path: Path) -> None:
    (tmp_path / "copr.py").write_text("raise ImportError(name='copr')\n")
    home = Path(__file__).parents[2]
    done = farm.call(wrapper=("env", f"PYTHONPATH={tmp_path}:{home}"))
    assert done.returncode == 5, done.stderr
    assert "the Python package copr is not installed" in done.stderr
    assert farm.server.asked == []


@pytest.mark.parametrize("page", [False, True], ids=["json", "proxy"])
def test_troubles_of_the_server(farm: Farm, page: bool) -> None:
    """They pass, before the upload and while following."""
    farm.server.faults = [
        Fault("GET /auth-check", 500, 2, page),
        Fault("GET /project", 503, 1, page),
        Fault("GET /build-chroot/list", 502, 7, page),
        Fault("GET /build/1", "drop", 3),
    ]
    done = farm.call()
    assert done.returncode == 0, done.stderr
    assert f"{farm.server.url} answers 500: " in done.stderr
    assert f"{farm.server.url} cannot be reached" in done.stderr
    assert len(farm.uploads) == 1


@pytest.mark.parametrize("kind", [500, "drop"])
def test_troubles_that_stay(farm: Farm, kind: int | str) -> None:
    farm.server.faults = [Fault("GET /mock-chroots/list", kind, 1000)]
    said = farm.fails(20)
    assert "the same command goes on where this one stopped" in said
    assert len(farm.server.asked_for("mock-chroots")) == 4


def test_server_that_is_gone(farm: Farm) -> None:
    farm.server.write_config(copr_url="https://127.0.0.1:1")
    assert "https://127.0.0.1:1 cannot be reached" in farm.fails(20)


@pytest.mark.parametrize("there", [True, False])
def test_foreign_certificate(farm: Farm, tmp_path: Path, there: bool) -> None:
    bundle = tmp_path / "other" / "ca.crt"
    if there:
        CertificateAuthority(bundle.parent)
    done = farm.call(wrapper=("env", f"REQUESTS_CA_BUNDLE={bundle}"))
    assert done.returncode == 20, done.stderr
    assert ("cannot be reached" if there else "see REQUESTS_CA_BUNDLE") in done.stderr
    assert farm.server.asked == []


def test_something_else_answers(farm: Farm) -> None:
    farm.server.faults = [Fault("GET /auth-check", 200, 1, page=True)]
    assert "is not in JSON format" in farm.fails(20)


@pytest.mark.parametrize("kind", ["drop", "cut", 502])
def test_upload_is_repeated(farm: Farm, kind: int | str) -> None:
    """From its first byte."""
    farm.server.faults = [Fault("POST /build/create/upload", kind, 2)]
    done = farm.call()
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("uploading again") == 2
    assert len(farm.uploads) == 3
    (build,) = farm.server.builds.values()
    assert build.content == (farm.paack.output / "srpms/app-1.0-1.src.rpm").read_bytes()


def test_upload_without_an_answer(farm: Farm) -> None:
    """The build that was started is found; there is no second one."""
    farm.server.faults = [Fault("POST /build/create/upload", "lost")]
    done = farm.call()
    assert done.returncode == 0, done.stderr
    assert "copr    build 1 was started all the same" in done.stderr
    assert len(farm.server.builds) == 1


def test_upload_never_arrives(farm: Farm) -> None:
    farm.server.faults = [Fault("POST /build/create/upload", "cut", 1000)]
    farm.fails(20)
    assert len(farm.uploads) == 3


def test_source_rpm_per_arch(farm: Farm) -> None:
    farm.publish("--per-arch")
    builds = list(farm.server.builds.values())
    assert [build.chroots for build in builds] == [
        [chroot for chroot in FOUR if chroot.endswith(arch)] for arch in sorted(ARCHES)
    ]
    for build, arch in zip(builds, sorted(ARCHES), strict=True):
        srpm = farm.paack.output / f"srpms/{arch}/app-1.0-1.src.rpm"
        assert build.content == srpm.read_bytes()
        assert query(srpm, "[%{EXCLUSIVEARCH}]") == arch
    farm.publish("--per-arch")
    assert len(farm.uploads) == 2


def test_too_large(farm: Farm) -> None:
    said = farm.fails(20, "--max-upload", "0")
    assert "too large to upload to Copr" in said
    assert "out/srpms/app-1.0-1.src.rpm: " in said
    for way in ("--per-arch", "docs/farm.md", "--max-upload"):
        assert way in said.partition("hint: ")[2]
    assert farm.uploads == []


def test_images_that_may_not_be_redistributed(farm: Farm) -> None:
    """Told before anything else; who may, says so."""
    images = [
        "{source: 'oci:layout:localhost/app:1', name: 'registry.redhat.io/a/b:1'}",
        "quay.io/openshift-release-dev/ocp@sha256:" + "0" * 64,
    ]
    text = definition_text("app", images, arches=ARCHES)
    other = farm.paack.home / "refused.yaml"
    other.write_text(text)
    farm.definition = other
    said = farm.fails(20)
    assert "registry.redhat.io/a/b (line " in said
    assert "quay.io/openshift-release-dev/ocp (line " in said
    assert "Red Hat subscription" in said
    assert "hint: " in said
    assert farm.server.asked == []
    other.write_text(definition_text("app", images[:1], arches=ARCHES))
    farm.publish("--redistribute", "registry.redhat.io/a")
    assert len(farm.uploads) == 1


def test_several_packages(farm: Farm, tmp_path: Path) -> None:
    """Each in the chroots of its own arches; one that is there already is left out."""
    farm.publish()
    more = definition_text("small", [], arches=("x86_64",), manifests="./manifests")
    both = farm.paack.home / "both.yaml"
    lines = more.replace("packages:\n", "").replace("  images:\n", "")
    both.write_text(farm.definition.read_text() + lines)
    farm.definition = both
    farm.publish()
    assert [build.file for build in farm.server.builds.values()] == [
        "app-1.0-1.src.rpm",
        "small-1.0-1.src.rpm",
    ]
    assert farm.server.builds[2].chroots == [each for each in FOUR if each.endswith("x86_64")]


def test_peer_that_is_gone_is_noticed(farm: Farm) -> None:
    """The kernel runs a keepalive timer for the client's connections."""
    timers: list[str] = []

    def look(request: object) -> None:
        port = request.client_address[1]  # type: ignore[attr-defined]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            words = line.split()
            if int(words[1].rpartition(":")[2], 16) == port:
                timers.append(words[5].partition(":")[0])

    farm.server.on_request = look
    farm.publish()
    assert timers
    assert "02" in timers  # include/net/tcp.h: retransmit is 1, keepalive 2


@pytest.mark.parametrize("text", ["", "a/b/c", "/b", "a/", "a b/c", "../x/y", "ä/b", "https://x/y"])
def test_not_a_project(text: str) -> None:
    with pytest.raises(UsageError):
        parse_project(text, "me")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], sorted(FOUR)),
        (["fedora-44"], ["fedora-44-aarch64", "fedora-44-x86_64"]),
        (["fedora-44-x86_64", "fedora-44"], ["fedora-44-aarch64", "fedora-44-x86_64"]),
        (["fedora-44-s390x"], "is for s390x, and no package is"),
        (["fedora-45"], "Copr has no chroot 'fedora-45'\n  hint: did you mean: fedora-44"),
        (["x"], "Copr has no chroot 'x'"),
        (["epel-9"], "Copr has no epel-9 for aarch64\n  hint: name the chroots one by one"),
    ],
)
def test_choice_of_chroots(words: list[str], expected: list[str] | str) -> None:
    known = {*CHROOTS, "epel-9-x86_64"}
    enabled = [*FOUR, "fedora-44-s390x"]
    if isinstance(expected, list):
        assert choose_chroots(words, sorted(ARCHES), known, enabled) == expected
        return
    with pytest.raises(UsageError) as caught:
        choose_chroots(words, sorted(ARCHES), known, enabled)
    assert expected in str(caught.value)
