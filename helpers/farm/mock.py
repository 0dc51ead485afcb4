"""RPMs built by mock: the source RPM, rebuilt in a clean chroot of a distribution.

The chroot needs nothing beyond rpm-build, since the source RPM holds ready store images. Results
appear when a build is complete; the logs of the last build of a target are kept in any case.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.definition import Definition
from paack.helpers.errors import BuildError, BuildTimeout, PaackError, ToolError, UsageError
from paack.helpers.farm.mock_target import Target, check_emulator, check_user, find_target
from paack.helpers.pipe import Builder
from paack.helpers.product import NOT_CHECKED, key_of, part_identity
from paack.helpers.progress import human
from paack.helpers.quadlet import load_definition
from paack.helpers.rpm import Spec, is_part_name
from paack.helpers.run import Result, mask, watch
from paack.helpers.workspace import workspace

_LINES_SHOWN = 20
_BYTES_READ = 65536
#: How mock ends every root.log, whatever happened before.
_CLEANING_UP = re.compile(
    r"child environment: |Child return code was: 0|kill orphans in chroot"
    r"|Executing command: \['(?:\S*/)?(?:u?mount|btrfs)'"
)
# In the chroot: the source RPM, its sources, the source RPM that mock makes of them, the build
# root, the RPM. In the output: both again.
_TIMES_IN_CHROOT = 5
_TIMES_IN_OUTPUT = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an exit status of mock means: our error, what to say, and the log that tells more."""

    error: type[PaackError]
    message: str
    log: str | None = None
    hint: str | None = None


_AGAIN = "mock -r TARGET --scrub=all   (removes its chroot and caches), then again"
_CONTAINER = "in a container, mock needs one started with --privileged"
_STOPPED = "something stopped mock"

#: mock's exit statuses (mockbuild/exception.py). 7 is Ctrl-C.
OUTCOMES = {
    1: Outcome(BuildError, "mock failed", "root.log"),
    2: Outcome(ToolError, "mock was started without its setuid wrapper", hint="use /usr/bin/mock"),
    3: Outcome(UsageError, "mock finds the configuration of TARGET invalid"),
    4: Outcome(BuildError, "mock built only some of the packages", "build.log"),
    5: Outcome(ToolError, "mock does not understand the command", hint="update mock: 2.0 or newer"),
    6: Outcome(ToolError, "mock cannot build for this architecture here", hint=_AGAIN),
    10: Outcome(BuildError, "rpmbuild failed in the chroot", "build.log"),
    11: Outcome(BuildTimeout, "the build took too long", "build.log", "--timeout SECONDS"),
    20: Outcome(BuildError, "the chroot could not be set up", "root.log", _AGAIN),
    25: Outcome(BuildError, "mock's LVM plugin failed", "root.log"),
    30: Outcome(
        BuildError,
        "the package manager failed",
        "root.log",
        f"are the distribution's mirrors in reach? {_AGAIN}",
    ),
    31: Outcome(BuildError, "a dependency outside RPM is unknown", "root.log"),
    40: Outcome(BuildError, "mock cannot use the source RPM", "build.log"),
    50: Outcome(BuildError, "a command of mock failed", "root.log"),
    60: Outcome(BuildError, "another mock uses the chroot", hint="wait until it has ended"),
    65: Outcome(BuildError, "another mock uses the LVM pool", hint="wait until it has ended"),
    70: Outcome(BuildError, "mock cannot write its results", hint="choose another --output"),
    80: Outcome(ToolError, "the kernel refuses mock a namespace", hint=_CONTAINER),
    90: Outcome(
        BuildError,
        "the bootstrap chroot could not be set up",
        "root.log",
        "without an image: config_opts['use_bootstrap_image'] = False in ~/.config/mock.cfg",
    ),
    110: Outcome(BuildError, "mock lost track of its own state", "state.log"),
    120: Outcome(BuildError, "a weak dependency was not installed", "root.log"),
    129: Outcome(BuildError, _STOPPED, "build.log"),
    141: Outcome(BuildError, _STOPPED, "build.log"),
    143: Outcome(BuildError, _STOPPED, "build.log"),
}
_UNKNOWN = Outcome(BuildError, "mock failed", "build.log")


@dataclass(frozen=True)
class Mock:
    """mock with its ``configdir`` (None: /etc/mock), and ``timeout`` for rpmbuild (0: mock's)."""

    builder: Builder
    configdir: Path | None = None
    timeout: int = 0

    def rpms(
        self, what: Path | Definition, names: Sequence[str], arches: Sequence[str] = ()
    ) -> list[Path]:
        """Build every package of a definition for every named target; return the RPMs.

        Problems that can be found beforehand are reported before anything is fetched or built:
        unknown targets (UsageError), and a mock that is missing or cannot be used (ToolError).
        """
        if arches:
            raise UsageError("--arch and --target are given", hint="the target has its own arch")
        if shutil.which("mock") is None:
            raise ToolError(
                "mock is not installed",
                hint="dnf install mock; or leave out --target: rpmbuild makes RPMs of any arch",
            )
        targets = [find_target(name, self.configdir) for name in dict.fromkeys(names)]
        definition = load_definition(what) if isinstance(what, Path) else what
        _check_arches(definition, targets)
        check_user()
        for target in targets:
            if check_emulator(target):
                self.builder.reporter.say(f"mock    {target.name}: emulated, which is slow")
        made: list[Path] = []
        plan = self.builder.plan(definition)
        for spec, srpm in zip(plan.specs, self.builder.srpms(plan), strict=True):
            for target in targets:
                if target.arch in {each.arch for each in spec.contents}:
                    made += self._there(spec, target) or self._rebuild(srpm, target)
        return list(dict.fromkeys(made))

    def _there(self, spec: Spec, target: Target) -> list[Path]:
        """Return the part if it was built before, for whatever target."""
        arch = spec.rpm_arch(target.arch)
        rpm = self.builder.output / "rpms" / arch / spec.file(target.arch)
        if not spec.package.is_part or not rpm.exists():
            return []
        self.builder.reporter.say(f"same    {rpm}")
        return [rpm]

    def _rebuild(self, srpm: Path, target: Target) -> list[Path]:
        reporter = self.builder.reporter
        output = self.builder.output
        _check_room(srpm, target, output)
        with workspace(output / "work") as work:
            results = work / "result"
            results.mkdir()
            result = watch(
                self._command(srpm, target, results.resolve()),
                lambda line: reporter.say(f"  | {line}"),
            )
            rpms = sorted(results.glob("*.rpm"))
            binary = [path for path in rpms if not path.name.endswith(".src.rpm")]
            logs = output / "mock" / target.name.replace("/", "_").removesuffix(".cfg")
            _keep([path for path in results.iterdir() if path not in rpms], logs)
            if result.status != 0 or not binary:
                raise _failure(result, target, logs)
            note = NOT_CHECKED if self.builder.gate.is_open else {}
            made = [_publish(path, output, srpm, target, note) for path in binary]
        for path in made:
            reporter.say(f"made    {path} (mock {target.name}; logs in {logs})")
        return made

    def _command(self, srpm: Path, target: Target, results: Path) -> list[str]:
        return [
            *("mock", "-r", target.name),
            *(["--configdir", str(self.configdir.resolve())] if self.configdir else []),
            *(["--rpmbuild_timeout", str(self.timeout)] if self.timeout else []),
            *("--resultdir", str(results)),
            *("--rebuild", str(srpm.resolve())),
        ]


def _check_arches(definition: Definition, targets: Sequence[Target]) -> None:
    there = {arch.name for package in definition.packages for arch in package.arches}
    for target in targets:
        if target.arch not in there:
            raise UsageError(
                f"{target.name} is for {target.arch}, and no package of {definition.file} is",
                hint=f"the definition is for {', '.join(sorted(there))}",
            )


def _check_room(srpm: Path, target: Target, output: Path) -> None:
    """Raise BuildError when the chroot or the results will not fit; they may share a disk."""
    size = srpm.stat().st_size
    needed: dict[int, int] = {}
    places: dict[int, Path] = {}
    for directory, times in ((target.basedir, _TIMES_IN_CHROOT), (output, _TIMES_IN_OUTPUT)):
        place = next(path for path in (directory, *directory.parents) if path.exists())
        device = place.stat().st_dev
        needed[device] = needed.get(device, 0) + size * times
        places.setdefault(device, place)
    for device, place in places.items():
        free = shutil.disk_usage(place).free
        if free < needed[device]:
            raise BuildError(
                f"mock needs about {human(needed[device])} for {srpm.name} in {place}; "
                f"{human(free)} are free",
                hint="make room; chroots go elsewhere with config_opts['basedir'] in "
                "~/.config/mock.cfg, results with --output",
            )


def _keep(files: Sequence[Path], directory: Path) -> None:
    """Replace ``directory`` by one with ``files``."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for path in files:
        path.rename(directory / path.name)


def _publish(
    rpm: Path, output: Path, srpm: Path, target: Target, note: Mapping[str, object]
) -> Path:
    """Move a finished RPM to its place, with a record of what it was made from."""
    arch = rpm.name.removesuffix(".rpm").rpartition(".")[2]
    place = output / "rpms" / arch / rpm.name
    place.parent.mkdir(parents=True, exist_ok=True)
    rpm.chmod(0o644)
    inputs = {"srpm": _sha256(srpm), "mock": target.name}
    name = rpm.name.rsplit("-", 2)[0]
    record: dict[str, object] = {
        **note,
        # Layers that are there are not made again, by rpmbuild neither.
        "key": key_of(part_identity(name) if is_part_name(name) else inputs),
        "sha256": _sha256(rpm),
        "size": rpm.stat().st_size,
        "inputs": inputs,
    }
    info = rpm.with_name("buildinfo.json")
    info.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    final_info = place.with_name(f"{place.name}.buildinfo.json")
    final_info.unlink(missing_ok=True)
    rpm.rename(place)
    info.rename(final_info)
    return place


def _failure(result: Result, target: Target, logs: Path) -> PaackError:
    """Return the error for a build that failed; raise KeyboardInterrupt when it was stopped."""
    if result.status == 7:
        raise KeyboardInterrupt
    if result.status == 0:
        outcome = Outcome(BuildError, "mock made no RPM", "build.log")
    else:
        outcome = OUTCOMES.get(result.status, _UNKNOWN)
    log = logs / (outcome.log or "none")
    tail, where = (_tail(log), f"\nlog: {log}") if log.is_file() else (result.stderr, "")
    said = "\n".join(f"  | {line}" for line in tail.splitlines()[-_LINES_SHOWN:])
    full = "No space left on device" in tail + result.stderr
    message = "the disk is full" if full else outcome.message.replace("TARGET", target.name)
    hint = "make room for about 6 times the source RPM" if full else outcome.hint
    return outcome.error(
        f"{target.name}: {message} (mock's exit status {result.status}){where}\n{mask(said)}",
        hint=hint.replace("TARGET", target.name) if hint else None,
    )


def _tail(log: Path) -> str:
    """Return the end of a log, which may be long, without mock's cleaning up."""
    with log.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _BYTES_READ))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return "\n".join(line for line in lines if not _CLEANING_UP.search(line))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
