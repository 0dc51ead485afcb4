"""Copr builds the RPMs: upload the source RPMs to a project, and follow the builds to their end.

Problems that can be found before the upload are reported before it. What a project has already
built, by name, version, release and chroot, is not built again; builds under way are followed. So
the same command, called again, continues where it was interrupted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from paack.helpers.definition import Definition, Package, check_redistribution
from paack.helpers.errors import PublishError
from paack.helpers.farm.copr_follow import FAILED, SUCCEEDED, State, follow, load_state
from paack.helpers.farm.copr_project import Project, arch_of, parse_project, prepare_project
from paack.helpers.farm.copr_service import Build, Missing, Service, Unreachable, connect
from paack.helpers.pipe import Builder
from paack.helpers.plan import Plan
from paack.helpers.progress import human

MAX_UPLOAD = 2_000_000_000
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Options:
    """How to publish.

    ``chroots``: chroots or releases (none: the project's). ``per_arch``: a source RPM for each
    arch. ``redistribute``: registries that the user vouches for. ``max_upload`` is in bytes,
    ``interval`` and ``timeout`` (0: none) in seconds.
    """

    chroots: tuple[str, ...] = ()
    create: bool = False
    wait: bool = True
    per_arch: bool = False
    redistribute: tuple[str, ...] = ()
    max_upload: int = MAX_UPLOAD
    interval: float = 30.0
    timeout: int = 0
    config: Path | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A build that is to be started: of ``package``, in ``chroots``; ``arch`` of its source RPM."""

    package: Package
    chroots: tuple[str, ...]
    arch: str | None

    @property
    def name(self) -> str:
        """NAME-VERSION-RELEASE."""
        return f"{self.package.name}-{_version(self.package)}"


def publish(builder: Builder, what: Path | Definition, where: str, options: Options) -> list[str]:
    """Build a definition in the Copr project ``where``; return lines for devices' owners.

    These are the dnf command and the repository files; without ``wait``, the builds' pages.
    """
    definition = builder.check(what)
    parse_project(where, "me")
    check_redistribution(definition, options.redistribute)
    service = connect(options.config, builder.reporter, options.interval)
    project = parse_project(where, service.whoami())
    plan = builder.plan(definition)
    arches = sorted({each.arch for spec in plan.specs for each in spec.contents})
    words = [word for each in options.chroots for word in each.split(",") if word]
    chroots = prepare_project(service, project, arches, words, options.create)
    service.check(project.owner, project.name, chroots)
    state = load_state(builder.output, project, service.url)
    found = _Found(service, project, chroots, state)
    jobs = [job for each in _to_build(found, plan) for job in _jobs(*each, options.per_arch)]
    running = found.running
    srpms = _source_rpms(builder, plan, jobs)
    _check_sizes(srpms, options.max_upload)
    with builder.reporter.showing():
        for job in jobs:
            build = _submit(service, project, job, srpms[job])
            state.add(job.name, build.id)
            running.append(build.id)
    if not options.wait:
        return [project.build_page(service.url, number) for number in running]
    try:
        follow(service, project, running, options.timeout)
    except KeyboardInterrupt:
        builder.reporter.say("copr    the builds go on; the same command follows them again")
        raise
    return project.repositories(service.url, chroots)


@dataclass
class _Found:
    """What is found in a project: ``running`` are the builds that are under way."""

    service: Service
    project: Project
    chroots: Sequence[str]
    state: State
    running: list[int] = field(default_factory=list)

    def left(self, package: Package, needed: Collection[str] | None = None) -> tuple[str, ...]:
        """Return the chroots in which a package is to be built.

        Layers are needed in chroots where packages are to be built that have their images. If the
        project knows the package all the same, an earlier call began with it, and this goes on.
        """
        name = f"{package.name}-{_version(package)}"
        arches = {arch.name for arch in package.arches}
        chroots = [each for each in self.chroots if arch_of(each) in arches]
        done: dict[str, int] = {}
        builds = _builds_of(self.service, self.project, package, self.state.builds.get(name, []))
        for build in builds:
            if build.state not in SUCCEEDED | FAILED:
                self.running.append(build.id)
                self.service.reporter.say(f"copr    {name}: build {build.id} is under way")
                done |= dict.fromkeys(build.chroots, build.id)
            else:
                done |= _succeeded_in(self.service, build)
        here = sorted({done[each] for each in chroots if each in done} - set(self.running))
        if here:
            self.service.reporter.say(
                f"same    {name} is in {self.project} already (build {', '.join(map(str, here))}); "
                "other contents need another release"
            )
        begun = {each for build in builds for each in build.chroots}
        return tuple(
            each
            for each in chroots
            if each not in done and (needed is None or each in needed or each in begun)
        )


def _to_build(found: _Found, plan: Plan) -> list[tuple[Package, tuple[str, ...]]]:
    """Return packages and the chroots in which they are to be built; packages of layers first.

    A package that is built already needs no layers anew, even if a newer paack would name them
    otherwise.
    """
    needed: defaultdict[str, set[str]] = defaultdict(set)
    others = []
    for spec in plan.specs:
        if spec.package.is_part:
            continue
        chroots = found.left(spec.package)
        others.append((spec.package, chroots))
        for contents in spec.contents:
            here = {each for each in chroots if arch_of(each) == contents.arch}
            for layers in plan.parts(contents):
                needed[layers.package.name] |= here
    groups = [spec.package for spec in plan.specs if spec.package.is_part]
    return [*((each, found.left(each, needed[each.name])) for each in groups), *others]


def _jobs(package: Package, chroots: tuple[str, ...], per_arch: bool) -> list[Job]:
    if not per_arch:
        return [Job(package, chroots, None)] if chroots else []
    arches = sorted({arch_of(each) for each in chroots})
    return [
        Job(package, tuple(each for each in chroots if arch_of(each) == arch), arch)
        for arch in arches
    ]


def _builds_of(
    service: Service, project: Project, package: Package, noted: Sequence[int]
) -> list[Build]:
    """Return the builds of exactly this version: Copr's own list, and those noted here.

    A build has no package name before Copr has looked into its source RPM; its file name tells.
    """
    file = _uploaded_name(package)
    listed = service.builds(project.owner, project.name, package.name)
    latest = service.builds(project.owner, project.name)
    builds = {
        build.id: build
        for build in (*listed, *latest)
        if build.srpm == file or (build in listed and build.version == _version(package))
    }
    for number in noted:
        if number not in builds:
            try:
                builds[number] = service.build(number)
            except Missing:
                continue
    return list(builds.values())


def _succeeded_in(service: Service, build: Build) -> dict[str, int]:
    if build.state in SUCCEEDED:
        return dict.fromkeys(build.chroots, build.id)
    each = service.build_chroots(build.id)
    return {chroot.name: build.id for chroot in each if chroot.state in SUCCEEDED}


def _source_rpms(builder: Builder, plan: Plan, jobs: Sequence[Job]) -> dict[Job, Path]:
    made: dict[tuple[str, str | None], Path] = {}
    for arch in dict.fromkeys(job.arch for job in jobs):
        # What is in the project already is not made.
        files = {f"{job.name}.src.rpm": job.package.name for job in jobs if job.arch == arch}
        paths = builder.srpms(plan, (arch,) if arch else (), only=files)
        made |= {(files[path.name], arch): path for path in paths}
    return {job: made[job.package.name, job.arch] for job in jobs}


def _check_sizes(srpms: dict[Job, Path], limit: int) -> None:
    """Raise PublishError for source RPMs that Copr's web server would cut off while uploading."""
    large = {path: path.stat().st_size for path in srpms.values() if path.stat().st_size > limit}
    if not large:
        return
    lines = [f"  {path}: {human(size)}" for path, size in large.items()]
    ways = [] if any(job.arch for job in srpms) else ["--per-arch uploads one for each arch"]
    ways += ["let Copr fetch the images itself (docs/farm.md)", "--max-upload MEGABYTES"]
    raise PublishError(
        f"too large to upload to Copr, whose limit is about {human(limit)}:\n" + "\n".join(lines),
        hint="; or ".join(ways),
    )


def _submit(service: Service, project: Project, job: Job, srpm: Path) -> Build:
    """Upload a source RPM. After an answer that got lost, take the build that it started."""
    before = {build.id for build in service.builds(project.owner, project.name)}
    left = _TRIES
    while True:
        left -= 1
        try:
            return service.upload(project.owner, project.name, srpm, job.chroots)
        except Unreachable as problem:
            for build in service.builds(project.owner, project.name):
                if build.id not in before and build.srpm == _uploaded_name(job.package):
                    service.reporter.say(f"copr    build {build.id} was started all the same")
                    return build
            if not left:
                raise
            service.reporter.say(f"copr    {problem.message}; uploading again")


def _version(package: Package) -> str:
    return f"{package.version}-{package.release}"


def _uploaded_name(package: Package) -> str:
    """The name that Copr gives an uploaded file: without characters that it finds unsafe."""
    name = f"{package.name}-{_version(package)}.src.rpm"
    return "".join(each for each in name if each.isalnum() or each in "_.-").strip("._")
