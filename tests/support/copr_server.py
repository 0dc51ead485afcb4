"""A Copr on loopback: as much of its API (version 3) as uploading and following a build needs.

Written from the client's source (python-copr 2.7: paths, methods, bodies) and the service's own
(its apiv3 views: fields of answers, status codes, words of errors). Nothing is built: what
becomes of a build is told by ``fate`` and ``hold``. What it was asked is in ``asked``.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from requests_toolbelt.multipart import decoder

from tests.support.certificates import CertificateAuthority
from tests.support.http_server import Request, Server

CHROOTS = tuple(
    f"{release}-{arch}"
    for release in ("centos-stream-9", "centos-stream-10", "fedora-44")
    for arch in ("x86_64", "aarch64", "s390x")
)
LOGIN = "loginloginlogin"
TOKEN = "tokentokentokentoken"
_STEPS = ("pending", "importing", "running")
Answer = tuple[int, Any]


@dataclass
class Build:
    """A build as the server knows it; each look at it is a step on its way."""

    id: int
    owner: str
    project: str
    file: str
    content: bytes
    chroots: list[str]
    state: str = "pending"
    states: dict[str, str] = field(default_factory=dict)
    steps: int = 0

    @property
    def package(self) -> tuple[str | None, str | None]:
        """Name and version: known once the source RPM was imported."""
        if self.state in ("pending", "importing"):
            return None, None
        name, version, release = self.file.removesuffix(".src.rpm").rsplit("-", 2)
        return name, f"{version}-{release}"


@dataclass
class Fault:
    """What goes wrong for the next ``times`` requests whose ``METHOD /path`` the pattern finds.

    ``kind``: a status (with Copr's JSON, or a proxy's page when ``page``), "drop" (no answer),
    "cut" (the connection ends within the request's body), "lost" (done, but no answer).
    """

    pattern: str
    kind: int | str
    times: int = 1
    page: bool = False


class CoprServer(Server):
    """Speaks HTTPS with a certificate of a test authority; ``config`` is the client's file."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        home.mkdir()
        self.home = home
        self.authority = CertificateAuthority(home / "ca")
        self.user = "me"
        self.token = TOKEN
        self.allowed = True
        self.projects: dict[str, list[str]] = {}
        self.builds: dict[int, Build] = {}
        self.fate: Callable[[Build, str], str] = lambda build, chroot: "succeeded"
        self.source_fails = False
        self.hold = False
        self.faults: list[Fault] = []
        self.asked: list[str] = []
        self.bodies: list[Any] = []
        self.on_request: Callable[[Request], None] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self.use_tls(*self.authority.issue("127.0.0.1"))
        self.config = self.home / "copr.conf"
        self.write_config()
        return super().__enter__()

    @property
    def url(self) -> str:
        """The hub's URL."""
        return f"https://{self.host}"

    @property
    def environment(self) -> dict[str, str]:
        """What makes the client trust this server."""
        return {"REQUESTS_CA_BUNDLE": str(self.authority.certificate)}

    def write_config(self, **changed: str) -> None:
        """Write the file that Copr's API page shows."""
        values = {"login": LOGIN, "username": self.user, "token": TOKEN, "copr_url": self.url}
        lines = [f"{key} = {value}" for key, value in {**values, **changed}.items()]
        self.config.write_text("\n".join(["[copr-cli]", *lines, ""]))

    def asked_for(self, pattern: str) -> list[str]:
        """Return the requests that a pattern finds, in their order."""
        return [each for each in self.asked if re.search(pattern, each)]

    def answer(self, request: Request) -> None:
        """Answer one request, or do what a fault says."""
        split = urlsplit(request.path)
        query = {key: values[0] for key, values in parse_qs(split.query).items()}
        what = f"{request.command} {split.path.removeprefix('/api_3')}"
        with self._lock:
            self.asked.append(what)
            fault = next((each for each in self.faults if re.search(each.pattern, what)), None)
            if fault:
                fault.times -= 1
                if not fault.times:
                    self.faults.remove(fault)
        if self.on_request:
            self.on_request(request)
        length = int(request.headers.get("Content-Length") or 0)
        if fault and fault.kind in ("drop", "cut"):
            request.rfile.read(length // 2 if fault.kind == "cut" else 0)
            _end(request)
            return
        body = request.rfile.read(length)
        if fault and isinstance(fault.kind, int):
            problem = {
                "error": "Request wasn't successful, there is probably a bug in the Copr code."
            }
            _send(request, fault.kind, "<html>Bad Gateway</html>" if fault.page else problem)
            return
        with self._lock:
            status, answer = self._answer(request, what, query, body)
        if fault and fault.kind == "lost":
            _end(request)
            return
        _send(request, status, answer)

    def _answer(self, request: Request, what: str, query: dict[str, str], body: bytes) -> Answer:
        for pattern, login, method in self._routes():
            match = re.fullmatch(pattern, what)
            if match is None:
                continue
            if login and not self._is_login(request.headers.get("Authorization", "")):
                url = f"{self.url}/api to get or renew your API token."
                problem = f"Login invalid/expired. Please visit {url}"
                return 401, {"output": "notok", "error": problem}
            kind = request.headers.get("Content-Type", "")
            return method(query, (kind, body), *match.groups())
        return 404, {"error": "Such API endpoint doesn't exist"}

    def _routes(self) -> list[tuple[str, bool, Callable[..., Answer]]]:
        return [
            (r"GET /auth-check", True, lambda *_: (200, {"id": 1, "name": self.user})),
            (r"GET /mock-chroots/list", False, lambda *_: (200, dict.fromkeys(CHROOTS, ""))),
            (r"GET /project", False, self._project),
            (r"POST /project/add/([^/]+)", True, self._add_project),
            (r"(?:POST|PUT) /project/edit/([^/]+)/([^/]+)", True, self._edit_project),
            (r"POST /build/check-before-build", True, self._check),
            (r"POST /build/create/upload", True, self._upload),
            (r"GET /build/list", False, self._list),
            (r"GET /build/(\d+)", False, self._build),
            (r"GET /build/source-chroot/(\d+)", False, self._source),
            (r"GET /build-chroot/list", False, self._build_chroots),
            (r"GET /results/(.*)", False, self._file),
        ]

    def _is_login(self, header: str) -> bool:
        given = base64.b64decode(header.partition(" ")[2]).decode()
        return given == f"{LOGIN}:{self.token}"

    def _project(self, query: dict[str, str], body: object) -> Answer:
        full = f"{query['ownername']}/{query['projectname']}"
        if full not in self.projects:
            return 404, {"error": f"Project {full} does not exist."}
        return 200, self._project_dict(full)

    def _project_dict(self, full: str) -> dict[str, Any]:
        owner, name = full.split("/")
        repos = {chroot: f"{self.url}/results/{full}/{chroot}/" for chroot in self.projects[full]}
        known = {"id": 1, "name": name, "ownername": owner, "full_name": full}
        return {**known, "chroot_repos": repos, "additional_repos": [], "storage": "backend"}

    def _add_project(self, query: dict[str, str], body: tuple[str, bytes], owner: str) -> Answer:
        data = json.loads(body[1])
        self.bodies.append(data)
        full = f"{owner}/{data['name']}"
        if full not in self.projects:
            unexpected = set(data["chroots"]) - set(CHROOTS)
            if unexpected:
                return 400, {"error": f"Unexpected chroot: {', '.join(unexpected)}"}
            self.projects[full] = list(data["chroots"])
        elif query.get("exist_ok") != "True":
            return 400, {"error": "name: You already have a project named that."}
        return 200, self._project_dict(full)

    def _edit_project(
        self, query: dict[str, str], body: tuple[str, bytes], owner: str, name: str
    ) -> Answer:
        data = json.loads(body[1])
        self.bodies.append(data)
        self.projects[f"{owner}/{name}"] = list(data["chroots"])
        return 200, self._project_dict(f"{owner}/{name}")

    def _check(self, query: dict[str, str], body: tuple[str, bytes]) -> Answer:
        problem = self._refusal(json.loads(body[1]))
        return problem or (200, {"message": "It should be safe to submit a build like this"})

    def _refusal(self, data: dict[str, Any]) -> Answer | None:
        full = f"{data['ownername']}/{data['projectname']}"
        if full not in self.projects:
            return 404, {"error": f"Project {full} does not exist."}
        if not self.allowed:
            return 403, {"error": f"User '{self.user}' is not allowed to build in '{full}'"}
        return None

    def _upload(self, query: dict[str, str], body: tuple[str, bytes]) -> Answer:
        parts = {}
        for part in decoder.MultipartDecoder(body[1], body[0]).parts:
            disposition = part.headers[b"Content-Disposition"].decode()
            found = re.findall(r'(name|filename)="([^"]*)"', disposition)
            parts[dict(found)["name"]] = (dict(found).get("filename"), part.content)
        data = json.loads(parts["json"][1])
        self.bodies.append(data)
        problem = self._refusal(data)
        if problem:
            return problem
        file, content = parts["pkgs"]
        number = max(self.builds, default=0) + 1
        full = f"{data['ownername']}/{data['projectname']}"
        chroots = [each for each in self.projects[full] if each in data["chroots"]]
        build = Build(number, data["ownername"], data["projectname"], file or "", content, chroots)
        self.builds[number] = build
        return 200, self._build_dict(build)

    def _build_dict(self, build: Build) -> dict[str, Any]:
        name, version = build.package
        source = {"name": name, "version": version, "url": f"{self.url}/tmp/x/{build.file}"}
        return {
            "id": build.id,
            "state": build.state,
            "ownername": build.owner,
            "projectname": build.project,
            "project_dirname": build.project,
            "repo_url": f"{self.url}/results/{build.owner}/{build.project}",
            "source_package": source,
            "chroots": build.chroots,
            "submitter": self.user,
            "submitted_on": 1,
            "started_on": None,
            "ended_on": None,
            "is_background": False,
        }

    def _list(self, query: dict[str, str], body: object) -> Answer:
        full = f"{query['ownername']}/{query['projectname']}"
        if full not in self.projects:
            return 404, {"error": f"Project {full} does not exist."}
        package = query.get("packagename")
        found = [
            self._build_dict(build)
            for _, build in sorted(self.builds.items(), reverse=True)
            if f"{build.owner}/{build.project}" == full
            and (package is None or build.package[0] == package)
        ]
        limit = int(query["limit"])
        meta = {"limit": limit, "offset": 0, "order": "id", "order_type": "DESC"}
        return 200, {"items": found[:limit], "meta": meta}

    def _build(self, query: dict[str, str], body: object, number: str) -> Answer:
        build = self.builds.get(int(number))
        if build is None:
            return 404, {"error": f"Build {number} does not exist."}
        self._step(build)
        return 200, self._build_dict(build)

    def _step(self, build: Build) -> None:
        """Go on by one step; held builds stay running."""
        build.steps += 1
        if build.steps < len(_STEPS) or self.hold:
            build.state = _STEPS[min(build.steps, len(_STEPS) - 1)]
            build.states = dict.fromkeys(build.chroots, build.state)
        elif self.source_fails:
            build.state = "failed"
            build.states = dict.fromkeys(build.chroots, "waiting")
        elif build.state in _STEPS:
            build.states = {chroot: self.fate(build, chroot) for chroot in build.chroots}
            bad = {"failed", "canceled"} & set(build.states.values())
            build.state = min(bad, default="succeeded")

    def _source(self, query: dict[str, str], body: object, number: str) -> Answer:
        build = self.builds[int(number)]
        where = f"{self.url}/results/{build.owner}/{build.project}/srpm-builds/{build.id:08}"
        return 200, {"state": build.state, "result_url": where}

    def _build_chroots(self, query: dict[str, str], body: object) -> Answer:
        build = self.builds[int(query["build_id"])]
        base = f"{self.url}/results/{build.owner}/{build.project}"
        items = [
            {
                "name": chroot,
                "state": build.states.get(chroot, "waiting"),
                "result_url": f"{base}/{chroot}/{build.id:08}-{build.package[0]}/"
                if build.states.get(chroot) in ("running", "succeeded", "failed")
                else None,
                "started_on": None,
                "ended_on": None,
            }
            for chroot in build.chroots
        ]
        meta = {"limit": None, "offset": 0, "order": "id", "order_type": "DESC"}
        return 200, {"items": items, "meta": meta}

    def _file(self, query: dict[str, str], body: object, path: str) -> Answer:
        """Logs of chroots are gzipped once a build has ended."""
        if not path.endswith("/builder-live.log.gz"):
            return 404, "Not Found"
        lines = [f"{path}, line {number}" for number in range(1000)]
        return 200, gzip.compress("\n".join([*lines, "RPM build errors: no more"]).encode())


def _send(request: Request, status: int, answer: Any) -> None:
    if isinstance(answer, bytes):
        kind, content = "application/gzip", answer
    elif isinstance(answer, str):
        kind, content = "text/html", answer.encode()
    else:
        kind, content = "application/json", json.dumps(answer).encode()
    request.reply(content, status=status, headers={"Content-Type": kind})


def _end(request: Request) -> None:
    """Reset the connection."""
    request.close_connection = True
    request.connection.close()
