"""The tasks of ``invoke`` and of the program ``paack``: parse, call one helper, print.

stdout is data (paths, a schema), stderr is talk. Errors become exit codes here and nowhere else.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from invoke.collection import Collection
from invoke.config import Config
from invoke.exceptions import Exit, ParseError
from invoke.parser.context import to_flag
from invoke.program import Program
from invoke.tasks import task

# Imported inside the tasks: `paack --help` must not wait for what only a build needs.

DEF = "The definition: a YAML file"
OUTPUT = "Where results go (default: _output)"
AUTHFILE = "Registry credentials, as podman login writes them (default: REGISTRY_AUTH_FILE)"
FROZEN = "Refuse to lock: fail when the lock is missing"

# What `paack rpm app.yaml centos-stream-9-aarch64` means: the words after a task, in order.
POSITIONAL = {
    "lock": ("--def",),
    "check": ("--def",),
    "verify": ("--rpm",) * 1000,
    "diff": ("--old", "--new"),
    "srpm": ("--def",),
    "build": ("--def",),
    "rpm": ("--def", "--target"),
    "copr": ("--def", "--project"),
    "microshift": ("--version",),
    "publish-job": ("--def",),
    "repo.verify": ("--where",),
    "blueprint": ("--def",),
}


def command(**options: Any) -> Callable[[Callable[..., None]], Any]:
    """Make a task whose PaackErrors become a message and an exit code."""

    def wrap(body: Callable[..., None]) -> Any:
        @functools.wraps(body)
        def safely(*args: Any, **kwargs: Any) -> None:
            from helpers.errors import PaackError, from_os_error
            from helpers.run import mask

            try:
                body(*args, **kwargs)
            except PaackError as error:
                raise Exit(mask(f"error: {error}"), error.exit_code) from error
            except OSError as error:
                known = from_os_error(error)
                if known is None:
                    raise
                raise Exit(mask(f"error: {known}"), known.exit_code) from error
            except KeyboardInterrupt as error:
                raise Exit("interrupted", 130) from error

        return task(**options)(safely)

    return wrap


def _builder(output: str | None = None, authfile: str | None = None, frozen: bool = False) -> Any:
    from helpers.build import Builder
    from helpers.registry import credentials

    auth = credentials(authfile)
    return Builder(output=Path(output or "_output"), authfile=auth, frozen=frozen)


def _definition(def_: str | None) -> Path:
    from helpers.errors import UsageError

    if not def_:
        raise UsageError("no definition is named", hint="for example: --def images/demo/demo.yaml")
    return Path(def_)


def _print(paths: list[Path]) -> None:
    for path in paths:
        print(path)


@command(help={"def": DEF, "update": "Resolve every image anew", "authfile": AUTHFILE})
def lock(
    _: Any, def_: str | None = None, update: bool = False, authfile: str | None = None
) -> None:
    """Resolve every image of every arch to digests, into FILE.lock.yaml."""
    path, changes = _builder(authfile=authfile).lock(_definition(def_), update=update)
    print("\n".join(changes) if changes else "no change", file=sys.stderr)
    print(path)


@command(
    iterable=["arch"],
    help={
        "def": DEF,
        "arch": "A source RPM with only this RPM arch inside (may be repeated)",
        "output": OUTPUT,
        "authfile": AUTHFILE,
        "frozen": FROZEN,
    },
)
def srpm(
    _: Any,
    def_: str | None = None,
    arch: list[str] | None = None,
    output: str | None = None,
    authfile: str | None = None,
    frozen: bool = False,
) -> None:
    """Make the source RPMs, with all arches inside (--arch: one for each)."""
    _print(_builder(output, authfile, frozen).srpm(_definition(def_), tuple(arch or ())))


@command(
    aliases=["rpm"],
    iterable=["arch", "target"],
    help={
        "def": DEF,
        "arch": "Only this RPM arch (may be repeated)",
        "target": "Build with mock, for this configuration of it (may be repeated)",
        "configdir": "Where mock's configurations are (default: /etc/mock)",
        "timeout": "Seconds that mock gives rpmbuild (default: mock's)",
        "output": OUTPUT,
        "authfile": AUTHFILE,
        "frozen": FROZEN,
    },
)
def build(
    _: Any,
    def_: str | None = None,
    arch: list[str] | None = None,
    target: list[str] | None = None,
    configdir: str | None = None,
    timeout: int = 0,
    output: str | None = None,
    authfile: str | None = None,
    frozen: bool = False,
) -> None:
    """Make the RPMs, of any arch on any host, with rpmbuild (--target: with mock)."""
    from helpers.mock import Mock

    file, arches = _definition(def_), tuple(arch or ())
    builder = _builder(output, authfile, frozen)
    if target:
        mock = Mock(builder, Path(configdir) if configdir else None, timeout)
        _print(mock.rpms(file, target, arches))
    else:
        _print(builder.rpms(file, arches))


SETS = "The directory of the sets (default: microshift-images)"
SET_VERSION = "MicroShift's version: a directory there, or an RPM version (default: the newest)"
COMPONENTS = "olm,multus,… (default: all; none: the core only)"


def _image_set(sets: str | None, version: str | None) -> Any:
    from helpers import microshift_set

    return microshift_set.find_set(Path(sets) if sets else microshift_set.SETS, version)


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word for word in (text or "").replace(",", " ").split() if word)


@command(
    iterable=["arch", "target"],
    help={
        "version": SET_VERSION,
        "components": COMPONENTS,
        "core": "--no-core: only the components",
        "arch": "Only this RPM arch (may be repeated)",
        "target": "Build with mock, for this configuration of it (may be repeated)",
        "release": "RPM release (default: as in set.yaml)",
        "srpm": "Make source RPMs instead",
        "print": "Print the definition instead; it builds like any other",
        "sets": SETS,
        "output": OUTPUT,
        "authfile": AUTHFILE,
        "frozen": FROZEN,
    },
)
def microshift_build(
    _: Any,
    version: str | None = None,
    components: str | None = None,
    core: bool = True,
    arch: list[str] | None = None,
    target: list[str] | None = None,
    release: str = "",
    srpm: bool = False,
    print_: bool = False,
    sets: str | None = None,
    output: str | None = None,
    authfile: str | None = None,
    frozen: bool = False,
) -> None:
    """Make the RPMs of MicroShift's own images: the core, and one per optional component."""
    from helpers import microshift
    from helpers.definition_dump import dump_definitions

    images = _image_set(sets, version)
    packages = microshift.definitions(images, _words(components), core=core, release=release)
    if print_:
        print(dump_definitions(packages), end="")
        return
    builder = _builder(output, authfile, frozen)
    make = builder.srpm if srpm else builder.rpms
    if target:
        make = functools.partial(_with_mock, builder, target)
    _print(microshift.build(builder, images, packages, tuple(arch or ()), make))


def _with_mock(builder: Any, targets: list[str], definition: Any, arches: Any) -> Any:
    from helpers.mock import Mock

    return Mock(builder).rpms(definition, targets, arches)


@command(
    help={
        "version": SET_VERSION,
        "components": COMPONENTS,
        "core": "--no-core: only the components",
        "sets": SETS,
        "authfile": AUTHFILE,
    }
)
def microshift_lock(
    _: Any,
    version: str | None = None,
    components: str | None = None,
    core: bool = True,
    sets: str | None = None,
    authfile: str | None = None,
) -> None:
    """Lock MicroShift's own images, a lock per package, beside their release files."""
    from helpers import microshift

    images = _image_set(sets, version)
    packages = microshift.definitions(images, _words(components), core=core)
    _print(microshift.lock(_builder(authfile=authfile), images, packages))


@command(
    iterable=["from_"],
    help={
        "from": "RPM (microshift-…release-info), directory or release-….json (may be repeated)",
        "version": "MicroShift's version, as a tag or as RPM has it; RPMs say it themselves",
        "name": "Name of the set's directory (default: after the version)",
        "exclude": "Components to leave out: ai-model-serving,…",
        "registry": "More registries that images may come from: ghcr.io/acme,…",
        "origin": "URL of what --from names, for the record (default: its name)",
        "sets": SETS,
    },
)
def microshift_import(
    _: Any,
    from_: list[str],
    version: str | None = None,
    name: str | None = None,
    exclude: str | None = None,
    registry: str | None = None,
    origin: str | None = None,
    sets: str | None = None,
) -> None:
    """Add a MicroShift version, or components to one, from its published release files."""
    from helpers.microshift_import import Wishes, import_set
    from helpers.microshift_set import SETS as DIRECTORY

    wishes = Wishes(version, name, _words(exclude), _words(registry), origin)
    sources = [Path(each) for each in from_]
    images, remarks = import_set(Path(sets) if sets else DIRECTORY, sources, wishes)
    print("\n".join(remarks), file=sys.stderr)
    print(images.directory)


@command(
    iterable=["chroots", "redistribute"],
    help={
        "def": DEF,
        "project": "OWNER/PROJECT or @GROUP/PROJECT",
        "chroots": "A release (for all arches) or a chroot of Copr (may be repeated)",
        "create": "Make the project, and enable chroots, where missing",
        "nowait": "Only start the builds; a later call follows them",
        "per-arch": "Upload a source RPM for each arch, each half as large",
        "redistribute": "A registry or repository whose images you may publish (may be repeated)",
        "max-upload": "Refuse source RPMs above this, in MB",
        "interval": "Seconds between two looks at the builds",
        "timeout": "Stop following after so many seconds (default: never)",
        "config": "Copr's configuration (default: ~/.config/copr)",
        "output": OUTPUT,
        "authfile": AUTHFILE,
        "frozen": FROZEN,
    },
)
def copr(
    _: Any,
    def_: str | None = None,
    project: str = "",
    chroots: list[str] | None = None,
    create: bool = False,
    nowait: bool = False,
    per_arch: bool = False,
    redistribute: list[str] | None = None,
    max_upload: int = 2000,
    interval: float = 30.0,
    timeout: int = 0,
    config: str | None = None,
    output: str | None = None,
    authfile: str | None = None,
    frozen: bool = False,
) -> None:
    """Build the RPMs in Copr, follow the builds, and say where the repository is."""
    from helpers.copr import Options, publish

    options = Options(
        chroots=tuple(chroots or ()),
        create=create,
        wait=not nowait,
        per_arch=per_arch,
        redistribute=tuple(redistribute or ()),
        max_upload=max_upload * 1_000_000,
        interval=interval,
        timeout=timeout,
        config=Path(config) if config else None,
    )
    builder = _builder(output, authfile, frozen)
    print("\n".join(publish(builder, _definition(def_), project, options)))


PUBLISHING = {
    "sign": "ID or fingerprint of the key that signs (its secret is in gpg's keyring)",
    "passphrase_fd": "File descriptor to read its passphrase from (default: gpg-agent knows it)",
    "old_key": "A key that signed what is published, before --sign (may be repeated)",
    "url": "Where clients find the repository (default: as published before)",
    "name": "Name of the repository: ID and file name for dnf (default: paack)",
    "keep": "Generations of the metadata that stay besides the current one (default: 5)",
    "compression": "gz, which all readers can, or zstd (not EL8)",
}
VERSIONS = "How many versions of each package stay (default: all)"
TO = "DIR, or USER@HOST:DIR over rsync and ssh"


def _settings(sign: str | None, passphrase_fd: int, old_key: list[str] | None, **more: Any) -> Any:
    from helpers.publish import Settings
    from helpers.sign import find_signer

    descriptor = None if passphrase_fd < 0 else passphrase_fd
    signer = find_signer(sign, descriptor) if sign else None
    return Settings(signer=signer, old_keys=tuple(old_key or ()), **more)


def _site(to: str | None) -> Any:
    from helpers.errors import UsageError
    from helpers.progress import Reporter
    from helpers.site_rsync import site_of

    if not to:
        raise UsageError("no destination is named", hint=f"--to DESTINATION: {TO}")
    return site_of(to, Reporter())


def _print_added(added: list[str]) -> None:
    print("\n".join(added) if added else "no new package", file=sys.stdout if added else sys.stderr)


@command(iterable=["old_key"], help={**PUBLISHING, "output": OUTPUT})
def repo_build(
    _: Any,
    sign: str | None = None,
    passphrase_fd: int = -1,
    old_key: list[str] | None = None,
    url: str | None = None,
    name: str = "paack",
    keep: int = 5,
    compression: str = "gz",
    output: str | None = None,
) -> None:
    """Make a dnf repository of all that was built: _output/repo."""
    from helpers.progress import Reporter
    from helpers.repo import make_repo

    how = {"url": url, "name": name, "keep": keep, "compression": compression}
    settings = _settings(sign, passphrase_fd, old_key, **how)
    _print_added(make_repo(Path(output or "_output"), settings, Reporter()))


@command(
    iterable=["key", "def_", "arch"],
    help={
        "where": "The repository: a directory, or http(s)://HOST/PATH",
        "key": "Trust only this key: a file, or a fingerprint (may be repeated)",
        "def": "A definition whose packages must be there (may be repeated)",
        "arch": "Only this arch, or source (may be repeated)",
        "unsigned": "Do not ask for signatures",
        "name": PUBLISHING["name"],
    },
)
def repo_verify(
    _: Any,
    where: str | None = None,
    key: list[str] | None = None,
    def_: list[str] | None = None,
    arch: list[str] | None = None,
    unsigned: bool = False,
    name: str = "paack",
) -> None:
    """Check a published repository: signatures, checksums, .repo file, packages."""
    from helpers.progress import Reporter
    from helpers.repo_verify import trust_of, verify_repo

    report = verify_repo(
        where or "_output/repo",
        Reporter(),
        name=name,
        trust=trust_of(key or (), unsigned=unsigned),
        definitions=[Path(each) for each in def_ or ()],
        arches=arch or (),
    )
    report.check()
    print(report)


@command(
    iterable=["old_key"], help={**PUBLISHING, "to": TO, "versions": VERSIONS, "output": OUTPUT}
)
def publish(
    _: Any,
    to: str | None = None,
    sign: str | None = None,
    passphrase_fd: int = -1,
    old_key: list[str] | None = None,
    url: str | None = None,
    name: str = "paack",
    keep: int = 5,
    versions: int = 0,
    compression: str = "gz",
    output: str | None = None,
) -> None:
    """Publish _output/repo: add its packages to a repository, atomically."""
    from helpers.publish import built_offers
    from helpers.publish import publish as publish_to
    from helpers.repo import repo_path

    site = _site(to)
    how = {"url": url, "name": name, "keep": keep, "compression": compression}
    settings = _settings(sign, passphrase_fd, old_key, versions=versions, **how)
    offers = built_offers(repo_path(Path(output or "_output")))
    _print_added(publish_to(site, lambda _: offers, settings))


@command(
    iterable=["old_key"],
    help={
        **PUBLISHING,
        "def": DEF,
        "to": TO,
        "versions": VERSIONS,
        "sources": "Publish source RPMs, too",
        "output": OUTPUT,
        "authfile": AUTHFILE,
    },
)
def publish_job(
    _: Any,
    def_: str | None = None,
    to: str | None = None,
    sign: str | None = None,
    passphrase_fd: int = -1,
    old_key: list[str] | None = None,
    url: str | None = None,
    name: str = "paack",
    keep: int = 5,
    versions: int = 0,
    compression: str = "gz",
    sources: bool = False,
    output: str | None = None,
    authfile: str | None = None,
) -> None:
    """Build, sign and publish what of a definition is not published; its lock must be there."""
    from helpers.publish_job import publish_job as run_job

    definition, site = _definition(def_), _site(to)
    how = {"url": url, "name": name, "keep": keep, "compression": compression}
    settings = _settings(sign, passphrase_fd, old_key, versions=versions, **how)
    builder = _builder(output, authfile, frozen=True)
    _print_added(run_job(builder, definition, site, settings, sources=sources))


@command(
    help={
        "def": DEF,
        "url": "Where clients find the repository",
        "name": PUBLISHING["name"],
        "key": "File of the repository's public keys, to put into source.toml",
        "unsigned": "The repository is not signed",
        "output": OUTPUT,
    }
)
def blueprint(
    _: Any,
    def_: str | None = None,
    url: str | None = None,
    name: str = "paack",
    key: str | None = None,
    unsigned: bool = False,
    output: str | None = None,
) -> None:
    """Write an image-builder blueprint, a bootc Containerfile and an rpm-ostree treefile."""
    from helpers.blueprint import Repository, write_blueprints
    from helpers.errors import UsageError

    if not url:
        raise UsageError("no repository is named", hint="--url https://HOST/PATH")
    keys = Path(key).read_text("utf-8") if key else None
    repository = Repository(url, name, keys, signed=not unsigned)
    _print(write_blueprints(_definition(def_), repository, Path(output or "_output")))


@command(
    help={
        "def": DEF,
        "why": "Only say which manifests need this image, and where",
        "add": "Write images that are missing into the definition first",
        "json": "Print the problems, and all that is needed, as JSON",
    }
)
def check(
    _: Any, def_: str | None = None, why: str | None = None, add: bool = False, json: bool = False
) -> None:
    """Check definition, manifests and lock, all problems at once, with no network."""
    from helpers.check import add_missing
    from helpers.check import check as check_definition

    definition = _definition(def_)
    if add:
        print("\n".join(add_missing(definition)), file=sys.stderr)
    report = check_definition(definition)
    if why:
        print(report.why(why))
        return
    print(report.as_json() if json else str(report) or "no problem")
    report.check()


@command(
    iterable=["rpm"],
    help={
        "rpm": "An RPM that paack made (may be repeated; words after verify are RPMs)",
        "base": "Where sources that are relative paths start (default: here)",
        "output": OUTPUT,
        "authfile": AUTHFILE,
    },
)
def verify(
    _: Any,
    rpm: list[str] | None = None,
    base: str = ".",
    output: str | None = None,
    authfile: str | None = None,
) -> None:
    """Prove that the store in an RPM is what its lock names, byte for byte, without root."""
    from helpers.errors import UsageError
    from helpers.verify import Verifier

    if not rpm:
        raise UsageError("no RPM is named", hint="paack verify _output/rpms/*/*.rpm")
    builder = _builder(output, authfile)
    verifier = Verifier(builder.registry_at(Path(base)), builder.output / "work")
    for line in verifier.verify_all([Path(each) for each in rpm]):
        print(line)


@command(
    help={
        "old": "An RPM, a lock, a definition (its lock), or REVISION:FILE as for git show",
        "new": "The same",
        "files": "Also every file that differs, with setuid and capabilities called out",
        "markdown": "For a pull request",
        "json": "For programs",
        "output": OUTPUT,
    }
)
def diff(
    _: Any,
    old: str = "",
    new: str = "",
    files: bool = False,
    markdown: bool = False,
    json: bool = False,
    output: str | None = None,
) -> None:
    """Say what an update changes: images, layers, bytes, files."""
    from helpers.diff import diff as compare
    from helpers.diff import side_of
    from helpers.errors import UsageError
    from helpers.verify import Verifier
    from helpers.workspace import workspace

    if not old or not new:
        raise UsageError("two things to compare are needed", hint="paack diff OLD.rpm NEW.rpm")
    builder = _builder(output)
    verifier = Verifier(builder.registry_at(Path()), builder.output / "work")
    with workspace(verifier.scratch) as work:
        sides = [side_of(each, verifier, work / str(i)) for i, each in enumerate((old, new))]
        found = compare(*sides, files=files)
    if json:
        print(found.as_json())
    else:
        print(found.markdown() if markdown else "\n".join(found.lines()))


@command(help={"output": OUTPUT})
def demo(_: Any, output: str | None = None) -> None:
    """Build images/demo, which needs no registry, and show what is inside."""
    from helpers.demo import run_demo

    print(run_demo(_builder(output)))


@command()
def schema(_: Any) -> None:
    """Print the JSON schema of definitions, for editors."""
    import json

    from helpers.definition import definition_schema

    print(json.dumps(definition_schema(), indent=2))


microshift_tasks = Collection("microshift")
microshift_tasks.add_task(microshift_build, name="build", default=True)
microshift_tasks.add_task(microshift_lock, name="lock")
microshift_tasks.add_task(microshift_import, name="import")
repo_tasks = Collection("repo")
repo_tasks.add_task(repo_build, name="build", default=True)
repo_tasks.add_task(repo_verify, name="verify")
ns = Collection(
    lock,
    check,
    srpm,
    build,
    copr,
    verify,
    diff,
    demo,
    schema,
    microshift_tasks,
    repo_tasks,
    publish,
    publish_job,
    blueprint,
)


class PaackProgram(Program):
    """invoke's program with positional words, and with our exit code for wrong usage."""

    def run(self, argv: list[str] | None = None, exit: bool = True) -> None:  # noqa: A002
        """Run ``argv`` (default: sys.argv)."""
        super().run(name_positional(list(sys.argv if argv is None else argv)), exit)

    def parse_tasks(self) -> None:
        """Parse the tasks' arguments; wrong ones end the program with status 2."""
        try:
            super().parse_tasks()
        except ParseError as error:
            raise Exit(f"error: {error}\n  hint: paack --list, paack --help TASK", 2) from error


def name_positional(argv: list[str]) -> list[str]:
    """Turn the words after a task into the flags that they stand for."""
    takes_value = _flags_with_values()
    named = argv[:1]
    flags: list[str] = []
    previous = ""
    for word in argv[1:]:
        if word in POSITIONAL and not flags and previous not in ("--def", "--help"):
            flags = list(POSITIONAL[word])
        elif flags and not word.startswith("-") and previous not in takes_value:
            named.append(flags.pop(0))
        elif word in flags:
            flags.remove(word)
        named.append(word)
        previous = word
    return named


def _flags_with_values() -> set[str]:
    """Return the flags of all tasks that a value follows: ``--def``, but not ``--update``."""
    arguments = [
        argument
        for name in ns.task_names
        for argument in ns[name].get_arguments()
        if argument.kind is not bool
    ]
    return {to_flag(name) for argument in arguments for name in argument.names}


class _Config(Config):
    prefix = "paack"


def main() -> None:
    """Run the program ``paack``."""
    PaackProgram(namespace=ns, binary="paack", name="paack", config_class=_Config).run()
