"""The files that tell dnf of a repository: ``NAME.repo`` and the mirror list of each arch."""

from __future__ import annotations

import re
from collections.abc import Collection
from configparser import ConfigParser, Error
from pathlib import Path

from paack.helpers.errors import UsageError, VerificationError
from paack.helpers.repo.repodata import SOURCE

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_URL = re.compile(r"(?:https?|file)://[^\s%$,#?]+")
_BASEURL = re.compile(r"^#?baseurl=(\S+)/\$basearch$", re.MULTILINE)
MIRRORLIST = "mirrorlist"


def check_name(name: str) -> str:
    """Return ``name`` if it can be a repository's ID; raise UsageError."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a repository's name", hint="letters, digits, _ . -")
    return name


def check_url(url: str) -> str:
    """Return ``url`` without a final slash; raise UsageError when dnf could not take it."""
    if not _URL.fullmatch(url):
        raise UsageError(
            f"{url!r} is not the address of a repository",
            hint="where clients find it: https://HOST/PATH, or file:///PATH",
        )
    return url.rstrip("/")


def repo_path(name: str) -> str:
    """Return the file name of the .repo file."""
    return f"{name}.repo"


def key_path(name: str) -> str:
    """Return the file name of the public keys."""
    return f"RPM-GPG-KEY-{name}"


def dump_repo(
    name: str, url: str, directories: Collection[str], *, signed: bool, mirrors: bool
) -> str:
    """Return a .repo file.

    With ``mirrors`` it names mirror lists, which name one generation of the metadata: nothing
    changes under a client that is half-way.
    """
    check = int(signed)
    key = f"gpgkey={url}/{key_path(name)}\n" if signed else ""
    common = f"gpgcheck={check}\nrepo_gpgcheck={check}\n{key}skip_if_unavailable=0\n"
    base = f"{url}/$basearch"
    where = (
        f"mirrorlist={base}/repodata/{MIRRORLIST}\n#baseurl={base}"
        if mirrors
        else f"baseurl={base}"
    )
    text = f"[{name}]\nname={name}\n{where}\nenabled=1\n{common}"
    if SOURCE in directories:
        text += (
            f"\n[{name}-source]\nname={name} (source)\nbaseurl={url}/{SOURCE}\nenabled=0\n{common}"
        )
    return text


def mirror_list(url: str, directory: str, generation: int) -> str:
    """Return a mirror list: the generation, and for when it is gone whatever is current."""
    return f"{url}/{directory}/generations/{generation}/\n{url}/{directory}/\n"


def published_url(tree: Path, name: str) -> str | None:
    """Return the address that the .repo file in ``tree`` names, if it is there."""
    try:
        found = _BASEURL.search((tree / repo_path(name)).read_text("utf-8"))
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return found[1] if found else None


def parse_repo(text: str, where: str) -> dict[str, dict[str, str]]:
    """Return the sections of a .repo file; raise VerificationError."""
    parser = ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    try:
        parser.read_string(text)
    except Error as error:
        raise VerificationError(f"{where}: {error}") from error
    return {section: dict(parser[section]) for section in parser.sections()}
