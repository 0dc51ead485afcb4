"""Image references: what a definition names, and the names that an image gets in the store.

The grammar is that of github.com/distribution/reference; transports are those of
containers-transports(5). A short name (``nginx``) is refused: which registry it means would
depend on the machine that builds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]+)?"
_PATH = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<repo>(?P<domain>{_DOMAIN})/{_PATH}(?:/{_PATH})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_REPO_LIMIT = 255
#: What RPMs with an image provide, and others may require.
IMAGE_DEPENDENCY = re.compile(r"container-image\((.*)\)")
_TRANSPORT = re.compile(r"[a-z-]+")
FILE_TRANSPORTS = ("oci", "oci-archive", "docker-archive", "dir")
TRANSPORTS = ("docker", *FILE_TRANSPORTS, "containers-storage")


class ReferenceProblem(ValueError):
    """``str()`` says what is wrong, ``hint`` how to write it."""

    def __init__(self, message: str, hint: str):
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Reference:
    """A full image name: ``repo`` with its registry, and a tag or a digest or both."""

    repo: str
    tag: str | None
    digest: str | None

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repo}{tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def registry(self) -> str:
        """The registry's host, with its port if the reference has one."""
        return self.repo.split("/", 1)[0]


@dataclass(frozen=True, slots=True)
class Source:
    """Where an image comes from.

    ``text`` is what the definition says (it is the key in the lock); ``transport`` and
    ``location`` are for skopeo; ``reference`` is the name that the image gets. ``origin`` is
    the name in a registry, None for other transports.
    """

    text: str
    transport: str
    location: str
    reference: Reference
    origin: Reference | None = None


def parse_reference(text: str) -> Reference:
    """Parse a full image name; without tag and digest it is ``:latest``, as everywhere.

    The short forms of docker.io are written out: ``docker.io/library/nginx``.
    Raises ReferenceProblem.
    """
    match = _REFERENCE.fullmatch(text)
    if match is None:
        first = text.split("/")[0].split(":")[0]
        if re.fullmatch(r"[a-z0-9._-]+", first) and "/" not in text:
            hint = f"write the registry, too: docker.io/library/{text}"
        else:
            hint = "REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:DIGEST, lower case"
        raise ReferenceProblem(f"not a full image name: {text!r}", hint)
    domain = match["domain"]
    if "." not in domain and ":" not in domain and domain != "localhost":
        raise ReferenceProblem(
            f"{text!r} names no registry", f"write it out: docker.io/{text} or quay.io/{text}"
        )
    repo = _normalized(match["repo"])
    if len(repo) > _REPO_LIMIT:
        raise ReferenceProblem(
            f"the image name {text[:20]!r}... has {len(repo)} characters",
            f"{_REPO_LIMIT} are allowed",
        )
    tag = match["tag"] or (None if match["digest"] else "latest")
    return Reference(repo, tag, match["digest"])


def parse_dependency(text: str) -> str:
    """Return an RPM dependency; the image of ``container-image(IMAGE)`` gets its full name."""
    match = IMAGE_DEPENDENCY.fullmatch(text)
    try:
        return f"container-image({parse_reference(match[1])})" if match else text
    except ReferenceProblem:
        return text


def _normalized(repo: str) -> str:
    """Return a repository as CRI-O looks for it: it writes out docker.io's short forms."""
    domain, _, path = repo.partition("/")
    if domain == "index.docker.io":
        domain = "docker.io"
    if domain == "docker.io" and "/" not in path:
        path = f"library/{path}"
    return f"{domain}/{path}"


def parse_source(text: str, name: str | None = None) -> Source:
    """Parse an image of a definition; ``name`` is the name in the store if it cannot be told.

    Raises ReferenceProblem.
    """
    transport, location = _split_transport(text)
    if transport == "docker":
        location = location.removeprefix("//")
        origin = parse_reference(location)
        reference = parse_reference(name) if name else origin
        return Source(text, transport, location, reference, origin)
    return Source(text, transport, location, _local_name(text, transport, location, name))


def _split_transport(text: str) -> tuple[str, str]:
    head, colon, rest = text.partition(":")
    if colon and head in TRANSPORTS and (head != "docker" or rest.startswith("//")):
        return head, rest
    if colon and rest.startswith("//") and _TRANSPORT.fullmatch(head):
        raise ReferenceProblem(f"unknown transport {head!r}", f"one of: {', '.join(TRANSPORTS)}")
    return "docker", text


def _local_name(text: str, transport: str, location: str, name: str | None) -> Reference:
    """Return the name of a local image: as given, or as in ``oci:PATH:NAME``."""
    if name:
        return parse_reference(name)
    if transport == "containers-storage":
        return parse_reference(re.sub(r"^\[[^]]*\]", "", location))
    _, colon, inner = location.partition(":")
    if not colon or transport == "dir":
        raise ReferenceProblem(f"{text} does not say what the image is called", _mapping(text))
    try:
        return parse_reference(inner)
    except ReferenceProblem as problem:
        # Any text may tell the images of a layout apart; most often it is a tag.
        raise ReferenceProblem(f"{problem} in {text}", _mapping(text)) from problem


def _mapping(text: str) -> str:
    return f"write it as a mapping: {{source: {text}, name: localhost/NAME:TAG}}"
