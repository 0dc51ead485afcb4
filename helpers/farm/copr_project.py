"""Copr projects: how they are named, which chroots a definition is built in, where the repo is."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from paack.helpers.errors import PublishError, UsageError
from paack.helpers.farm.copr_service import HUB, Missing, Service

_PROJECT = re.compile(r"(?:(?P<owner>@?[A-Za-z0-9_.-]+)/)?(?P<name>[A-Za-z0-9_.-]+)")


@dataclass(frozen=True, slots=True)
class Project:
    """A project of a user, or of a group: then ``owner`` begins with ``@``."""

    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def slug(self) -> str:
        """The project in file names and repository names, as Copr writes it."""
        return f"{self.owner.replace('@', 'group_')}-{self.name}"

    def page(self, hub: str) -> str:
        """Return the URL of its page."""
        return f"{hub}/coprs/{self.owner.replace('@', 'g/')}/{self.name}"

    def build_page(self, hub: str, number: int) -> str:
        """Return the URL of the page of one of its builds."""
        return f"{self.page(hub)}/build/{number}/"

    def repositories(self, hub: str, chroots: Iterable[str]) -> list[str]:
        """Return what devices need: the dnf command, and a repository file per release."""
        host = "" if hub == HUB else hub.partition("://")[2] + "/"
        releases = sorted({chroot.rpartition("-")[0] for chroot in chroots})
        return [
            f"dnf copr enable {host}{self}",
            *(f"{self.page(hub)}/repo/{each}/{self.slug}-{each}.repo" for each in releases),
        ]


def parse_project(text: str, whoami: str) -> Project:
    """Parse ``OWNER/PROJECT``, ``@GROUP/PROJECT`` or ``PROJECT`` (of ``whoami``)."""
    match = _PROJECT.fullmatch(text)
    if match is None:
        raise UsageError(
            f"not a Copr project: {text!r}", hint="--project OWNER/PROJECT or @GROUP/PROJECT"
        )
    return Project(match["owner"] or whoami, match["name"])


def prepare_project(
    service: Service, project: Project, arches: Sequence[str], words: Sequence[str], create: bool
) -> list[str]:
    """Return the chroots to build in; with ``create``, make the project and enable them.

    ``words`` are chroots, or releases for all ``arches``; none: what the project has. Raises
    UsageError for words that mean nothing, PublishError for what is missing in Copr.
    """
    known = service.chroots()
    try:
        enabled: list[str] | None = service.enabled(project.owner, project.name)
    except Missing as error:
        if not create:
            raise PublishError(
                f"there is no Copr project {project}",
                hint=f"--create --chroots centos-stream-9   makes it at {service.url}",
            ) from error
        enabled = None
    if not words and not enabled:
        raise UsageError(
            f"{project} has no chroots yet",
            hint="name some: --create --chroots RELEASE; Copr has " + ", ".join(_releases(known)),
        )
    chosen = choose_chroots(words, arches, known, enabled or ())
    if enabled is None:
        service.reporter.say(f"copr    making {project} with {', '.join(chosen)}")
        service.create(project.owner, project.name, chosen)
    elif absent := [each for each in chosen if each not in enabled]:
        if not create:
            raise PublishError(
                f"{project} is not built in {', '.join(absent)}",
                hint="--create enables them; the project has " + ", ".join(enabled),
            )
        service.reporter.say(f"copr    enabling {', '.join(absent)} in {project}")
        service.enable(project.owner, project.name, [*enabled, *absent])
    return chosen


def choose_chroots(
    words: Sequence[str], arches: Sequence[str], known: set[str], enabled: Sequence[str]
) -> list[str]:
    """Return the chroots that ``words`` mean, sorted; without words, the enabled ones.

    Only those of ``arches``. A word is a chroot, or a release: that one for every arch.
    """
    if not words:
        chosen = [each for each in enabled if arch_of(each) in arches]
        if not chosen:
            raise UsageError(
                f"no chroot of the project is for {' or '.join(arches)}",
                hint=f"it has {', '.join(enabled)}; others: --create --chroots RELEASE",
            )
        return sorted(chosen)
    found: set[str] = set()
    for word in words:
        found.update(_meant(word, arches, known))
    return sorted(found)


def arch_of(chroot: str) -> str:
    """Return the RPM arch of a chroot."""
    return chroot.rpartition("-")[2]


def _meant(word: str, arches: Sequence[str], known: set[str]) -> list[str]:
    if word in known:
        if arch_of(word) not in arches:
            raise UsageError(
                f"{word} is for {arch_of(word)}, and no package is",
                hint=f"the definition is for {', '.join(arches)}",
            )
        return [word]
    chroots = [f"{word}-{arch}" for arch in arches if f"{word}-{arch}" in known]
    if not chroots:
        names = [*_releases(known), *sorted(known)]
        alike = difflib.get_close_matches(word, names, n=4)
        raise UsageError(
            f"Copr has no chroot {word!r}",
            hint=f"did you mean: {', '.join(alike)}?" if alike else f"it has {', '.join(names)}",
        )
    lacking = [arch for arch in arches if f"{word}-{arch}" not in known]
    if lacking:
        raise UsageError(
            f"Copr has no {word} for {', '.join(lacking)}",
            hint=f"name the chroots one by one: --chroots {' --chroots '.join(chroots)}",
        )
    return chroots


def _releases(chroots: Iterable[str]) -> list[str]:
    return sorted({each.rpartition("-")[0] for each in chroots})
