"""Proof that a published repository is what its clients will accept, and holds what it should.

Signatures of metadata are checked with gpg, those of packages with rpmkeys, each with nothing but
the repository's own public keys, or with those that the caller trusts.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError

from paack.helpers.errors import PublishError, RegistryError, UsageError, VerificationError
from paack.helpers.progress import Reporter, count
from paack.helpers.repo.lacking import missing_packages, missing_parts
from paack.helpers.repo.repo_file import MIRRORLIST, key_path, parse_repo, repo_path
from paack.helpers.repo.repodata import (
    DIRECTORIES,
    REPOMD,
    SIGNATURE,
    Entry,
    check_file,
    read_repodata,
    read_repomd,
)
from paack.helpers.repo.trust import IN_ITSELF, Trust
from paack.helpers.repo.web import Tree, is_url
from paack.helpers.rpm import Keyring, UnknownKey, check_rpm, key_database, keyring, read_headers

_GENERATION = re.compile(r"/generations/([0-9]+)/\s")
_NAMED = 2  # files of one problem; the number of the others is said


@dataclass
class Report:
    """Problems in the order found, and the files of the packages that were looked at."""

    where: str
    problems: list[str] = field(default_factory=list)
    packages: dict[str, list[str]] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Raise VerificationError with all problems, if there are any."""
        if self.problems:
            found = count(len(self.problems), "problem")
            raise VerificationError("\n".join([f"{self.where}: {found}", *self.problems]))

    def __str__(self) -> str:
        lines = [f"{key} signs" for key in self.keys]
        lines += [f"{name}: {count(len(each), 'package')}" for name, each in self.packages.items()]
        return "\n".join([*lines, f"{self.where}: good"])

    def attempt(self, what: Callable[[], None]) -> bool:
        """Run ``what`` and record the error that it raises; return whether it raised none."""
        try:
            what()
        except (VerificationError, PublishError) as error:
            self.problems.append(error.message)
            return False
        return True


def verify_repo(
    where: str,
    reporter: Reporter,
    *,
    name: str = "paack",
    trust: Trust = IN_ITSELF,
    definitions: Sequence[Path] = (),
    arches: Sequence[str] = (),
) -> Report:
    """Check the repository at ``where`` (a directory or a URL), all of it; return what was found.

    Packages of ``definitions`` must be there, for each of their arches. With ``arches`` only the
    directories of these (and no sources) are looked at. Raises RegistryError when no server
    answers.
    """
    if not is_url(where) and not Path(where).is_dir():
        raise UsageError(f"{where}: no directory", hint="a directory, or http(s)://HOST/PATH")
    unknown = [arch for arch in arches if arch not in DIRECTORIES]
    if unknown:
        raise UsageError(f"unknown arch: {unknown[0]}", hint=f"one of: {', '.join(DIRECTORIES)}")
    report = Report(where)
    with tempfile.TemporaryDirectory(prefix="paack-verify-") as scratch, keyring() as ring:
        tree = Tree(where, Path(scratch))
        _check_server(tree, repo_path(name))
        check = _Check(tree, ring, name, trust, reporter, report)
        signed = check.descriptions()
        for directory in arches or DIRECTORIES:
            check.directory(directory, signed)
        check.strange_keys()
    if not report.packages:
        report.problems.append(f"no repository: no ARCH/repodata/{REPOMD}")
    for definition in definitions:
        report.problems += missing_packages(definition, arches, report.packages)
    return report


@dataclass
class _Check:
    tree: Tree
    ring: Keyring
    name: str
    trust: Trust
    reporter: Reporter
    report: Report
    published: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)  # IDs of the keys that count
    strangers: dict[str, list[str]] = field(default_factory=dict)  # key ID: files

    def descriptions(self) -> bool:
        """Check the .repo file and the keys; return whether signatures are to be expected."""
        path, attempt = repo_path(self.name), self.report.attempt
        attempt(lambda: self._repo_file(path, self.tree.read(path)))
        published = self.tree.read(key_path(self.name))
        if published is not None and attempt(lambda: self.ring.add(published)):
            self.published = {key.fingerprint for key in self.ring.public_keys()}
        if self.trust.files:
            self.ring.remove(self.published)
            for file in self.trust.files:
                self.ring.add(file.read_bytes())
        keys = self.ring.public_keys()
        trusted = self.trust.names
        for lacking in trusted:
            if not any(key.is_called(lacking) for key in keys):
                only = ", ".join(key.fingerprint for key in keys)
                self.report.problems.append(
                    f"{key_path(self.name)}: has no key {lacking}" + (only and f", only {only}")
                )
        for key in keys:
            if trusted and not any(map(key.is_called, trusted)):
                self.ring.remove([key.fingerprint])
                continue
            self.known |= key.ids
            if key.problem:
                self.report.problems.append(f"the key {key.fingerprint} {key.problem}")
            else:
                self.report.keys.append(key.fingerprint)
        if not keys and not self.trust.unsigned:
            self.report.problems.append(f"not signed: there is no {key_path(self.name)}")
        return bool(keys) or not self.trust.unsigned

    def strange_keys(self) -> None:
        """Report the keys that signed and do not count, each once."""
        if self.trust.names and not self.known:
            return  # reported by descriptions: it is the one cause
        why = f"{key_path(self.name)} does not hold it"
        if self.trust.names or self.trust.files:
            why = "--key names others"
        for key, files in sorted(self.strangers.items()):
            more = f" and {len(files) - _NAMED} more files" if len(files) > _NAMED else ""
            self.report.problems.append(
                f"{', '.join(files[:_NAMED])}{more}: "
                f"signed by {key}, which is not known here: {why}"
            )

    def directory(self, directory: str, signed: bool) -> None:
        """Check the metadata and the packages of one arch."""
        repomd = self.tree.read(f"{directory}/repodata/{REPOMD}")
        if repomd is None:
            return
        self.report.packages[directory] = []
        metadata = self.tree.scratch / f"{directory}.repodata"
        metadata.mkdir()
        if not self.report.attempt(lambda: self._metadata(directory, metadata, repomd, signed)):
            return
        with suppress(VerificationError):  # reported by _metadata
            entries = read_repodata(metadata).entries
            self.report.problems += missing_parts(directory, entries)
            for entry in entries.values():
                self.report.packages[directory].append(entry.file)
                self.report.attempt(
                    lambda entry=entry: self._package(directory, entry, signed)  # type: ignore[misc]
                )

    def _repo_file(self, path: str, content: bytes | None) -> None:
        if content is None:
            raise VerificationError(f"{path}: is missing")
        sections = parse_repo(content.decode("utf-8", "replace"), path)
        section = sections.get(self.name)
        if section is None:
            raise VerificationError(f"{path}: has no section [{self.name}]")
        expected = {"enabled": "1"}
        if not self.trust.unsigned:
            expected |= {"gpgcheck": "1", "repo_gpgcheck": "1"}
        for key, value in expected.items():
            if section.get(key) != value:
                raise VerificationError(f"{path}: {key}={section.get(key)}, should be {value}")
        mirrors = section.get("mirrorlist", "").removesuffix(f"/repodata/{MIRRORLIST}")
        base = section.get("baseurl", mirrors)
        if not base.endswith("/$basearch"):
            raise VerificationError(f"{path}: has no baseurl or mirrorlist of $basearch")
        key_url = f"{base.removesuffix('/$basearch')}/{key_path(self.name)}"
        if not self.trust.unsigned and section.get("gpgkey") != key_url:
            raise VerificationError(f"{path}: gpgkey={section.get('gpgkey')}, should be {key_url}")

    def _metadata(self, directory: str, target: Path, repomd: bytes, signed: bool) -> None:
        """Bring the metadata of ``directory`` to ``target`` and check it."""
        base = f"{directory}/repodata"
        (target / REPOMD).write_bytes(repomd)
        signature = self.tree.read(f"{base}/{SIGNATURE}")
        if signature is not None:
            (target / SIGNATURE).write_bytes(signature)
        if signed:
            self.report.attempt(lambda: self._signature(base, target))
        for data in read_repomd(target):
            with self.tree.file(f"{base}/{data.name}") as file:
                if file is None:
                    raise VerificationError(f"{base}/{data.name}: is missing")
                (target / data.name).write_bytes(file.read_bytes())
        try:
            read_repodata(target)
        except VerificationError as error:
            raise VerificationError(error.message.replace(str(target), base)) from error
        self._mirror_list(directory, repomd)

    def _signature(self, base: str, target: Path) -> None:
        try:
            signer = self.ring.check(target / REPOMD, target / SIGNATURE)
        except UnknownKey as error:
            self.strangers.setdefault(error.key, []).append(f"{base}/{REPOMD}")
            return
        except VerificationError as error:
            raise VerificationError(error.message.replace(str(target), base)) from error
        if signer not in self.published:
            raise VerificationError(
                f"{base}/{REPOMD}: signed by {signer}, which {key_path(self.name)} does not hold"
            )

    def _mirror_list(self, directory: str, repomd: bytes) -> None:
        content = self.tree.read(f"{directory}/repodata/{MIRRORLIST}")
        if content is None:
            return
        match = _GENERATION.search(content.decode("utf-8", "replace"))
        path = f"{directory}/generations/{match[1] if match else '?'}/repodata/{REPOMD}"
        if match is None or self.tree.read(path) != repomd:
            raise VerificationError(
                f"{directory}/repodata/{MIRRORLIST}: names another generation than repodata has"
            )

    def _package(self, directory: str, entry: Entry, signed: bool) -> None:
        path = f"{directory}/{entry.href}"
        with (
            self.reporter.step(f"check   {path}", entry.size),
            self.tree.file(path) as file,
        ):
            if file is None:
                raise VerificationError(f"{path}: is missing")
            try:
                check_file(file, entry.sha256, entry.size)
            except VerificationError as error:
                raise VerificationError(error.message.replace(str(file), path)) from error
            link = self.tree.scratch / entry.file  # rpm reads no other names
            link.symlink_to(file.resolve())
            try:
                self._rpm(path, link, entry, signed)
            finally:
                link.unlink()

    def _rpm(self, path: str, file: Path, entry: Entry, signed: bool) -> None:
        header = read_headers([file])[0]
        if (header.file, header.digest) != (entry.file, entry.header):
            raise VerificationError(f"{path}: is {header.file}, header sha256 {header.digest}")
        if not signed:
            return
        if header.signer and header.signer not in self.known:
            self.strangers.setdefault(header.signer, []).append(path)
            return
        try:
            check_rpm(file, key_database(self.ring, self.tree.scratch / "rpmdb"))
        except VerificationError as error:
            raise VerificationError(f"{path}: {error.message}") from error


def _check_server(tree: Tree, path: str) -> None:
    """Raise RegistryError when no server answers; whatever else it answers is checked later."""
    try:
        tree.read(path)
    except VerificationError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and not isinstance(cause, HTTPError):
            reason = getattr(cause, "reason", cause)
            said = f"{tree.where} cannot be reached: {getattr(reason, 'strerror', None) or reason}"
            raise RegistryError(said, hint="is the server up, and the address right?") from error
