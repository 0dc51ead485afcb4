"""Following builds in Copr to their end, across interruptions, and showing why they failed."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from paack.helpers.errors import BuildError, BuildTimeout, PublishError
from paack.helpers.farm.copr_project import Project
from paack.helpers.farm.copr_service import BuildChroot, Missing, Service, Unreachable
from paack.helpers.run import mask

#: Copr's states that last.
SUCCEEDED = frozenset({"succeeded", "skipped", "forked"})
FAILED = frozenset({"failed", "canceled"})
_LINES_SHOWN = 20
_LOGS = ("builder-live.log.gz", "builder-live.log", "build.log.gz", "root.log.gz")
_TROUBLES = 20  # in a row, while following


@dataclass
class State:
    """The builds that were started from here, by NAME-VERSION-RELEASE; kept in ``file``."""

    file: Path
    builds: dict[str, list[int]] = field(default_factory=dict)

    def add(self, name: str, number: int) -> None:
        """Note a build, before anything can interrupt; the file appears by rename."""
        self.builds.setdefault(name, []).append(number)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        scratch = self.file.with_suffix(".new")
        scratch.write_text(json.dumps({"builds": self.builds}, indent=1) + "\n")
        scratch.rename(self.file)


def load_state(output: Path, project: Project, hub: str) -> State:
    """Return what earlier calls for this project recorded; a damaged file counts as none."""
    host = hub.partition("://")[2].replace(":", "_").replace("/", "_")
    file = output / "copr" / host / f"{project.slug}.json"
    try:
        builds = json.loads(file.read_text())["builds"]
        return State(file, {str(name): [int(each) for each in ids] for name, ids in builds.items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return State(file)


def follow(service: Service, project: Project, numbers: Sequence[int], timeout: int) -> None:
    """Wait until every build has ended; raise BuildError with logs for those that failed.

    ``timeout`` (seconds, 0: none) raises BuildTimeout: the builds go on without us.
    """
    end = time.monotonic() + timeout if timeout else None
    seen: dict[str, str] = {}
    open_ = list(dict.fromkeys(numbers))
    failed: list[int] = []
    while True:
        for number in list(open_):
            state = _look(service, number, seen)
            if state in SUCCEEDED | FAILED:
                open_.remove(number)
                failed += [number] if state in FAILED else []
        if not open_:
            break
        if end is not None and time.monotonic() > end:
            raise BuildTimeout(
                f"not ready in {timeout} s: build {', '.join(map(str, open_))}",
                hint="they go on in Copr; the same command follows them again",
            )
        time.sleep(service.interval)
    if failed:
        raise BuildError(
            "\n".join(line for each in failed for line in _why(service, project, each))
        )


def _look(service: Service, number: int, seen: dict[str, str]) -> str:
    """Return the state of a build, and say what changed since the last time."""
    for trouble in range(_TROUBLES):
        try:
            build = service.build(number)
            chroots = service.build_chroots(number)
            break
        except Unreachable:
            if trouble == _TROUBLES - 1:
                raise
    if build.state == "unknown":
        raise PublishError(f"Copr does not know the state of build {number}")
    now = {f"build {number}": build.state}
    now |= {f"build {number} {each.name}": each.state for each in chroots}
    for what, state in now.items():
        if seen.get(what) != state:
            service.reporter.say(f"copr    {what}: {state}")
    seen.update(now)
    return build.state


def _why(service: Service, project: Project, number: int) -> list[str]:
    """Return what to tell about a build that failed: each bad chroot, its log's end and URL."""
    page = project.build_page(service.url, number)
    bad = [each for each in service.build_chroots(number) if each.state in FAILED]
    state = service.build(number).state
    if not any(each.url for each in bad):
        source = BuildChroot("source RPM", state, service.source_url(number))
        bad = [source, *bad] if source.url or not bad else bad
    lines = [f"build {number} {state}: {page}"]
    for each in bad:
        lines.append(f"{each.name}: {each.state}" + (f", {each.url}" if each.url else ""))
        if each.url and each.state == "failed":
            lines += _log(service, each.url)
    return lines


def _log(service: Service, url: str) -> list[str]:
    problem = "no log"
    for name in _LOGS:
        try:
            tail = service.log_tail(f"{url.rstrip('/')}/{name}", _LINES_SHOWN)
        except (Unreachable, Missing) as error:
            problem = error.message
            continue
        return [f"log: {url.rstrip('/')}/{name}", *(mask(f"  | {line}") for line in tail)]
    return [f"  | ({problem})"]
