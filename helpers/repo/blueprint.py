"""Packages of a definition in operating system images: image-builder, bootc, rpm-ostree.

For each arch a directory: ``blueprint.toml`` and ``source.toml`` for image-builder (composer-cli),
``Containerfile`` for bootc, ``treefile.yaml`` for rpm-ostree, and the repository's ``.repo`` file.
With a carrier (helpers/repo/carrier.py) there is only a Containerfile, which needs no repository.
Versions are pinned: an image that is made again has the same packages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import tomlkit

from paack.helpers.definition import Package
from paack.helpers.errors import UsageError
from paack.helpers.oci import ReferenceProblem, parse_reference
from paack.helpers.quadlet import load_definition
from paack.helpers.repo.repo_file import check_name, check_url, dump_repo, key_path, repo_path
from paack.helpers.templates import render
from paack.helpers.workspace import workspace

_KEYS = "gpg --export --armor KEY > FILE"
_BLUEPRINT_VERSION = "0.0.1"
_KEY_BLOCK = "-----BEGIN PGP PUBLIC KEY BLOCK-----"


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository that has the packages.

    ``keys`` are its armored public keys (None: they are fetched from it, on trust), ``signed``
    whether it is signed at all.
    """

    url: str
    name: str = "paack"
    keys: str | None = None
    signed: bool = True

    def __post_init__(self) -> None:
        check_name(self.name)
        check_url(self.url)
        _check_keys(self.keys)


@dataclass(frozen=True, slots=True)
class Carried:
    """A carrier that has the packages: its name in a registry; for the rest see Repository.

    Without ``keys`` those in the carrier are trusted.
    """

    reference: str
    name: str = "paack"
    keys: str | None = None
    signed: bool = True

    def __post_init__(self) -> None:
        check_name(self.name)
        try:
            parse_reference(self.reference)
        except ReferenceProblem as problem:
            raise UsageError(str(problem), hint=problem.hint) from problem
        _check_keys(self.keys)


def _check_keys(keys: str | None) -> None:
    if keys is not None and _KEY_BLOCK not in keys:
        raise UsageError("this is no armored public key", hint=_KEYS)


def write_blueprints(definition: Path, source: Repository | Carried, output: Path) -> list[Path]:
    """Write the files for each arch of a definition below ``output``; return their paths."""
    packages = load_definition(definition).packages
    made: list[Path] = []
    for arch in sorted({arch.name for package in packages for arch in package.arches}):
        own = [package for package in packages if arch in {each.name for each in package.arches}]
        files = _files(definition, arch, own, source)
        directory = output / "blueprints" / definition.stem / arch
        with workspace(output / "work") as work:
            directory.mkdir(parents=True, exist_ok=True)
            for name, text in sorted(files.items()):
                (work / name).write_text(text, "utf-8")
                (work / name).replace(directory / name)
                made.append(directory / name)
    return made


def blueprint(name: str, packages: list[Package]) -> str:
    """Return an image-builder blueprint."""
    document = tomlkit.document()
    document.add("name", tomlkit.item(re.sub(r"[^A-Za-z0-9_.-]", "-", name)))
    document.add("description", tomlkit.item("; ".join(package.summary for package in packages)))
    document.add("version", tomlkit.item(_BLUEPRINT_VERSION))
    listed = tomlkit.aot()
    for package in packages:
        table = tomlkit.table()
        table.add("name", package.name)
        table.add("version", f"{package.version}-{package.release}")
        listed.append(table)
    document.add("packages", listed)
    return tomlkit.dumps(document)


def source_of(arch: str, repository: Repository) -> str:
    """Return an image-builder source (``composer-cli sources add``)."""
    document = tomlkit.document()
    url = check_url(repository.url)
    for key, value in {
        "id": repository.name,
        "name": repository.name,
        "type": "yum-baseurl",
        "url": f"{url}/{arch}",
        "check_ssl": True,
        "check_gpg": repository.signed,
        "check_repogpg": repository.signed,
        "system": False,
    }.items():
        document.add(key, tomlkit.item(value))
    if repository.signed:
        keys = tomlkit.array()
        if repository.keys is None:
            keys.append(f"{url}/{key_path(repository.name)}")
        else:
            keys.append(tomlkit.string(repository.keys, multiline=True))
        document.add("gpgkeys", keys)
    return tomlkit.dumps(document)


def _files(
    definition: Path, arch: str, packages: list[Package], source: Repository | Carried
) -> dict[str, str]:
    name = source.name
    values = {
        "definition": definition.name,
        "arch": arch,
        "name": name,
        "packages": [f"{each.name}-{each.version}-{each.release}" for each in packages],
    }
    if isinstance(source, Carried):
        key = key_path(name)
        trust = {"signed": source.signed, "pinned": source.keys is not None, "key": key}
        text = render("Containerfile.carrier.j2", carrier=source.reference, **trust, **values)
        return {"Containerfile": text, **({key: source.keys} if source.keys is not None else {})}
    url = check_url(source.url)
    return {
        "blueprint.toml": blueprint(definition.stem, packages),
        "source.toml": source_of(arch, source),
        "Containerfile": render("Containerfile.j2", **values),
        "treefile.yaml": render("treefile.yaml.j2", **values),
        repo_path(name): dump_repo(name, url, (arch,), signed=source.signed, mirrors=False),
    }
