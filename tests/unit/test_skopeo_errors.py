"""What skopeo says: asked of skopeo itself where the loopback can make it say so."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from paack.helpers.blobs.cache import Cache
from paack.helpers.errors import NoSuchImage, RegistryError, UsageError
from paack.helpers.oci.layout import ImageSpec, write_image
from paack.helpers.oci.reference import parse_source
from paack.helpers.progress import Reporter
from paack.helpers.registry.skopeo import Registry
from paack.helpers.registry.skopeo_errors import explain
from paack.helpers.run import Result
from tests.support.certificates import CertificateAuthority
from tests.support.commands import run
from tests.support.http_server import Request, Server
from tests.support.rights import needs_root
from tests.unit.images import small_layer

NAME = "HOST/team/app:1"
PREFIX = 'Error parsing image name \\"docker://HOST/team/app:1\\": '
#: Messages of skopeo 1.9 to 1.20 that need more than the loopback: (message, exit code, we say).
RECORDED = {
    "no such host": (
        PREFIX + 'pinging container registry HOST: Get \\"https://HOST/v2/\\": dial tcp: '
        "lookup HOST on 192.0.2.53:53: no such host",
        6,
        "HOST cannot be reached",
    ),
    "timeout": (
        PREFIX + 'pinging container registry HOST: Get \\"https://HOST/v2/\\": dial tcp '
        "192.0.2.1:443: i/o timeout",
        6,
        "HOST cannot be reached",
    ),
    "rate limit": (
        PREFIX + "reading manifest 1 in HOST/team/app: toomanyrequests: You have reached your pull "
        "rate limit. You may increase the limit by authenticating and upgrading: "
        "https://www.docker.com/increase-rate-limit",
        6,
        "HOST limits how much may be pulled",
    ),
    "rate limit, no text": (
        PREFIX + "reading manifest 1 in HOST/team/app: StatusCode: 429, ",
        6,
        "HOST limits how much may be pulled",
    ),
    "wrong password": (
        PREFIX + "unable to retrieve auth token: invalid username/password: unauthorized",
        6,
        "HOST refuses access",
    ),
    "disk full": (
        'writing blob: storing blob to file \\"/tmp/x\\": write /tmp/x: no space left on device',
        10,
        "the disk is full",
    ),
    "file not readable": (
        'creating temp directory: open /srv/a.tar: permission denied\\"',
        6,
        "a file may not be read or written",
    ),
    "policy": (
        "Source image rejected: Running image docker://HOST/team/app:1 is rejected by policy.",
        6,
        "the signature policy rejects it",
    ),
    "signature": (
        "Source image rejected: A signature was required, but no signature exists",
        6,
        "the signature policy rejects it",
    ),
    "cut off": (
        "writing blob: storing blob to file: happened during read: unexpected EOF",
        6,
        "the image did not arrive whole",
    ),
    "other bytes": (
        "writing blob: Digest did not match, expected sha256:aa, got sha256:bb",
        6,
        "the image did not arrive whole",
    ),
    "no image for the platform": (
        "choosing image instance: no image found in manifest list for architecture arm64, "
        'variant \\"v8\\", OS linux',
        6,
        "there is no such image",
    ),
    "something new": ("the moon is in the wrong phase", 6, "cannot be fetched"),
}


def result(stderr: str) -> Result:
    return Result(("skopeo", "inspect"), 1, b"", stderr)


@pytest.mark.parametrize("case", RECORDED)
def test_recorded_messages(case: str) -> None:
    message, status, said = RECORDED[case]
    stderr = f'time="2026-11-24T07:58:06Z" level=fatal msg="{message}"\n'
    error = explain(
        parse_source("reg.example.com/team/app:1"),
        result(stderr.replace("HOST", "reg.example.com")),
    )
    assert error.exit_code == status
    assert error.message.startswith(
        f"reg.example.com/team/app:1: {said.replace('HOST', 'reg.example.com')}"
    )
    assert error.hint is not None
    assert "{" not in str(error)


def test_all_lines_are_shown_when_the_reason_is_not_known() -> None:
    error = explain(parse_source("a.b/c:1"), result("first\nsecond\n"))
    assert "  | first\n  | second" in error.message
    assert "skopeo inspect" in error.message
    assert explain(parse_source("a.b/c:1"), result("")).hint


@pytest.mark.parametrize("name", ["signature", "certificate", "denied", "corrupt"])
def test_a_name_is_no_reason(name: str) -> None:
    stderr = f'level=fatal msg="reading manifest 1 in a.b/{name}: something new"'
    error = explain(parse_source(f"a.b/{name}:1"), result(stderr))
    assert "cannot be fetched" in error.message


class Answers(Server):
    """Answers each request for a repository as its name says: STATUS-CODE."""

    def answer(self, request: Request) -> None:
        """Answer one request."""
        if request.path == "/v2/":
            request.reply(b"{}")
            return
        status, _, code = request.path.split("/")[3].partition("-")
        body = json.dumps({"errors": [{"code": code.upper(), "message": "no"}]}).encode()
        headers = {"WWW-Authenticate": 'Basic realm="x"'} if status == "401" else {}
        page = b"<html>no</html>" if code == "html" else body
        request.reply(page, status=int(status), headers=headers)


@pytest.fixture(scope="module")
def server() -> Iterator[Answers]:
    with Answers() as running:
        yield running


ANSWERS = {
    "401-unauthorized": "HOST refuses access",
    "403-denied": "HOST refuses access",
    "404-manifest_unknown": "there is no such image",
    "404-name_unknown": "there is no such image",
    "404-html": "there is no such image",
    "500-unknown": "HOST has a problem of its own",
    "503-unavailable": "HOST has a problem of its own",
}


def said_by_skopeo(source: str, *options: str) -> str:
    """Let skopeo fail, and return our explanation."""
    done = run(["skopeo", *options, "inspect", "--raw", source], check=False)
    assert done.returncode != 0
    error = explain(parse_source(source), Result(("skopeo",), 1, b"", done.stderr))
    assert error.exit_code == 6
    assert error.hint
    return error.message


@pytest.mark.parametrize("repository", ANSWERS)
def test_what_skopeo_says_of_answers(server: Answers, tmp_path: Path, repository: str) -> None:
    host = server.host
    conf = tmp_path / "registries.conf"
    conf.write_text(f'[[registry]]\nlocation = "{host}"\ninsecure = true\n')
    source = f"docker://{host}/a/{repository}:1"
    message = said_by_skopeo(source, "--registries-conf", str(conf))
    assert message.startswith(f"{source}: {ANSWERS[repository].replace('HOST', host)}")


def test_what_skopeo_says_of_plain_http(server: Answers) -> None:
    host = server.host
    message = said_by_skopeo(f"docker://{host}/a/b:1")
    assert f"{host} speaks http, not https" in message


def test_what_skopeo_says_of_an_unknown_authority(tmp_path: Path) -> None:
    certificate, key = CertificateAuthority(tmp_path / "ca").issue("127.0.0.1")
    options = ["-accept", "127.0.0.1:0", "-cert", str(certificate), "-key", str(key), "-www"]
    with subprocess.Popen(
        ["openssl", "s_server", *options], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        ports = (line.rsplit(":", 1)[1] for line in process.stdout if line.startswith("ACCEPT"))
        host = f"127.0.0.1:{int(next(ports))}"
        message = said_by_skopeo(f"docker://{host}/a/b:1")
        process.kill()
    assert f"{host} has no certificate that this machine trusts" in message


#: (source, what it is called, where to look).
LOCAL = [
    ("oci:{}/none:localhost/x:1", None, "org.opencontainers.image.ref.name, in {}/none/index.json"),
    ("oci:{}/layout:latest", "localhost/x:1", "in {}/layout/index.json"),
    ("oci-archive:{}/none.tar:localhost/x:1", None, "tar -xOf {}/none.tar index.json"),
    ("docker-archive:{}/none.tar:localhost/x:1", None, "list-tags docker-archive:{}/none.tar"),
    ("dir:{}/none", "localhost/x:1", "{}/none/manifest.json"),
    pytest.param(
        *("containers-storage:[vfs@{}/root+{}/run]localhost/x:1", None, "podman images"),
        marks=needs_root("the storage of an ordinary user needs newuidmap, and ranges of users"),
    ),
]


@pytest.mark.parametrize(("source", "name", "hint"), LOCAL)
def test_what_skopeo_says_of_local_images_that_are_not_there(
    tmp_path: Path, source: str, name: str | None, hint: str
) -> None:
    write_image(tmp_path / "layout", "localhost/x:1", [ImageSpec("x86_64", [small_layer("x")])])
    text = source.format(tmp_path, tmp_path)
    done = run(["skopeo", "inspect", "--raw", text], check=False)
    error = explain(parse_source(text, name), result(done.stderr))
    assert error.message.startswith(f"{text}: there is no such image\n")
    assert error.hint is not None
    assert error.hint.endswith(hint.format(tmp_path))  # nothing of relative paths


def test_relative_paths_start_at_the_definition() -> None:
    gone = result('level=fatal msg="open a{b}/index.json: no such file or directory"')
    hint = explain(parse_source("oci:a{b}:localhost/x:1"), gone).hint
    assert hint is not None
    assert hint.endswith("in a{b}/index.json; a path starts at the directory of the definition")


def ask(home: Path, source: str) -> bytes:
    """Ask for a manifest as a lock does, from another directory."""
    (home / "base").mkdir()
    registry = Registry(Cache(home / "cache"), home / "base", Reporter())
    return registry.manifest(parse_source(source), "1")


def test_registries_conf_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", "no.conf")
    with pytest.raises(UsageError, match=r"^no\.conf: there is no such file\n.*REGISTRIES_CONF"):
        ask(tmp_path, "127.0.0.1:1/a/b:1")


def test_registries_conf_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.conf").write_text("[[registry]\n")
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(tmp_path / "bad.conf"))
    with pytest.raises(RegistryError, match=r"registries\.conf cannot be used\n.*bad\.conf"):
        ask(tmp_path, "127.0.0.1:1/a/b:1")


def test_registries_conf_from_here(
    server: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path of it starts where paack is called, wherever skopeo is started."""
    host = server.host
    (tmp_path / "my.conf").write_text(f'[[registry]]\nlocation = "{host}"\ninsecure = true\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", "my.conf")
    with pytest.raises(NoSuchImage):  # it answers: without TLS
        ask(tmp_path, f"{host}/a/404-name_unknown:1")


def test_what_skopeo_says_when_nobody_listens() -> None:
    assert "127.0.0.1:1 cannot be reached" in said_by_skopeo("docker://127.0.0.1:1/a/b:1")
