"""A real container registry (Debian's docker-registry) on the loopback, one per `with` block."""

import base64
import hashlib
import http.client
import json
import re
import ssl
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tests.support.certificates import CertificateAuthority
from tests.support.commands import MINIMAL_ENVIRONMENT, MORTAL, run

_LISTENING = re.compile(r"listening on 127\.0\.0\.1:([0-9]+)")
_REQUEST = re.compile(r'"([A-Z]+) (\S+) HTTP/[0-9.]+" ([0-9]{3}) ([0-9]+)')
_START_SECONDS = 20.0


@dataclass(frozen=True)
class Request:
    """One line of the access log: what was asked for, the answer's status and body bytes."""

    method: str
    path: str
    status: int
    size: int


class Registry:
    """docker-registry on 127.0.0.1 with its storage and logs in a directory below `base`.

    `users` (name -> password) switches authentication on, `tls` a certificate of its own CA,
    `delete` the deletion of manifests and blobs.
    """

    def __init__(
        self,
        base: Path,
        *,
        users: Mapping[str, str] | None = None,
        tls: bool = False,
        delete: bool = False,
    ) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="registry-", dir=base))
        self._users = dict(users or {})
        self._authority = CertificateAuthority(self.home / "tls") if tls else None
        self._delete = delete
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def host(self) -> str:
        """127.0.0.1:PORT, as image references name it; the same after a restart."""
        return f"127.0.0.1:{self._port}"

    @property
    def storage(self) -> Path:
        """The directory of docker-registry's filesystem driver."""
        return self.home / "storage"

    @property
    def certificates(self) -> Path | None:
        """The directory with ca.crt for skopeo's and podman's --cert-dir; None without TLS."""
        return self._authority.directory if self._authority else None

    @property
    def registries_conf(self) -> Path:
        """A registries.conf(5) that marks this registry insecure unless it speaks TLS."""
        path = self.home / "registries.conf"
        insecure = json.dumps(self._authority is None)
        path.write_text(
            "unqualified-search-registries = []\n"
            f'[[registry]]\nlocation = "{self.host}"\ninsecure = {insecure}\n',
            encoding="utf-8",
        )
        return path

    def authfile(self, user: str, password: str) -> Path:
        """Write a containers-auth.json(5) that logs `user` in here and return its path."""
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        path = self.home / f"auth-{hashlib.sha256(token.encode()).hexdigest()[:12]}.json"
        path.write_text(json.dumps({"auths": {self.host: {"auth": token}}}), encoding="utf-8")
        path.chmod(0o600)
        return path

    def skopeo_options(self, side: Literal["src", "dest"]) -> list[str]:
        """Return the options with which `skopeo copy` reaches this registry on that side."""
        options = [f"--{side}-tls-verify={json.dumps(self._authority is not None)}"]
        if self._authority:
            options.append(f"--{side}-cert-dir={self._authority.directory}")
        if self._users:
            options.append(f"--{side}-authfile={self.authfile(*next(iter(self._users.items())))}")
        return options

    def requests(self) -> list[Request]:
        """Return all requests answered so far, oldest first.

        The line of a request is written just after its last byte was sent: a client can be
        faster, so wait for the line that you expect.
        """
        log = (self.home / "access.log").read_text(encoding="utf-8")
        return [
            Request(method, path, int(status), int(size))
            for method, path, status, size in _REQUEST.findall(log)
        ]

    def start(self) -> None:
        """Start (again) and wait until it answers."""
        configuration = self.home / "config.json"
        configuration.write_text(json.dumps(self._configuration()), encoding="utf-8")
        log = self.home / "registry.log"
        with log.open("wb") as errors, (self.home / "access.log").open("ab") as accesses:
            self._process = subprocess.Popen(
                [*MORTAL, "docker-registry", "serve", str(configuration)],
                env={**MINIMAL_ENVIRONMENT, "OTEL_TRACES_EXPORTER": "none"},
                stdin=subprocess.DEVNULL,
                stdout=accesses,
                stderr=errors,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers(log):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"docker-registry: {log.read_text(encoding='utf-8')}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop serving; storage and logs stay. Connections are refused from now on."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _answers(self, log: Path) -> bool:
        listening = _LISTENING.search(log.read_text(encoding="utf-8"))
        if listening is None:
            return False
        self._port = int(listening[1])
        context = ssl.create_default_context(
            cafile=self._authority.certificate if self._authority else None
        )
        connection = (
            http.client.HTTPSConnection(self.host, timeout=5, context=context)
            if self._authority
            else http.client.HTTPConnection(self.host, timeout=5)
        )
        try:
            connection.request("GET", "/v2/")
            return connection.getresponse().status in (200, 401)
        except OSError:
            return False
        finally:
            connection.close()

    def _configuration(self) -> dict[str, object]:
        """Return the registry's configuration, as JSON, which is YAML too."""
        http_section: dict[str, object] = {"addr": f"127.0.0.1:{self._port}"}
        if self._authority:
            certificate, key = self._authority.issue("127.0.0.1")
            http_section["tls"] = {"certificate": str(certificate), "key": str(key)}
        configuration: dict[str, object] = {
            "version": "0.1",
            "log": {"accesslog": {"disabled": False}, "level": "info"},
            "storage": {
                "filesystem": {"rootdirectory": str(self.storage)},
                "delete": {"enabled": self._delete},
            },
            "http": http_section,
        }
        if self._users:
            passwords = self.home / "htpasswd"
            passwords.write_text("".join(_htpasswd(*user) for user in self._users.items()))
            configuration["auth"] = {"htpasswd": {"realm": "paack", "path": str(passwords)}}
        return configuration


def _htpasswd(user: str, password: str) -> str:
    return run(["htpasswd", "-niB", user], stdin=password).stdout.strip() + "\n"
