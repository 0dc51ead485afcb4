"""The pipe: definition, lock, plan, blobs, store image, source RPM and RPM, in this order.

Each step takes the value of the one before. Whatever is unchanged is not made again; "unchanged"
is told by content (lock, manifests, spec, tool versions), never by time. What is made appears in
``_output`` by rename.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from paack.helpers.blobs import Cache, default_cache
from paack.helpers.check import Gate
from paack.helpers.definition import Definition, read_definition
from paack.helpers.errors import Place
from paack.helpers.jobs import Lanes, run_jobs
from paack.helpers.kubernetes import chart_problems, render_charts
from paack.helpers.lock import (
    Lock,
    LockedPack,
    changes,
    lock_path,
    lock_scratch,
    missing_lock,
    read_lock,
    resolve_lock,
    write_lock,
)
from paack.helpers.packs import PackSource, Published
from paack.helpers.plan import (
    Plan,
    PlannedRpm,
    bill_input,
    deep_images,
    identity_of,
    make_plan,
    package_inputs,
    store_inputs,
)
from paack.helpers.product import Product, Products
from paack.helpers.progress import Reporter
from paack.helpers.quadlet import load_definition
from paack.helpers.registry import Registry, fetch_layers
from paack.helpers.rpm import (
    MAKERS,
    Contents,
    Spec,
    build_rpm,
    build_srpm,
    make_topdir,
    maker_of,
    pack_sources,
    verity_sources,
)
from paack.helpers.store import Pack, image_maker, make_image
from paack.helpers.workspace import sweep

#: A definition: the path of its file, or one that was generated.
What = Path | Definition


@dataclass(frozen=True)
class Builder:
    """Where things go and how: ``output`` is ``_output``, ``frozen`` refuses to lock.

    ``published`` is the way to packs that were published.
    """

    output: Path = Path("_output")
    cache: Cache = field(default_factory=default_cache)
    reporter: Reporter = field(default_factory=Reporter)
    authfile: Path | None = None
    frozen: bool = False
    lanes: Lanes = field(default_factory=Lanes, compare=False)
    gate: Gate = field(default_factory=Gate, compare=False)
    published: Published | None = field(default=None, compare=False)

    # Definition

    def check(self, what: What) -> Definition:
        """Return a definition that passed its checks, all but those of the lock."""
        definition = _load(what)
        self.gate.check(definition, read_lock(lock_path(definition.file)), self.reporter)
        return definition

    # Lock

    def lock(
        self,
        what: What,
        *,
        update: bool = False,
        regroup: bool = False,
        repack: bool = False,
        dry_run: bool = False,
    ) -> tuple[Path, list[str]]:
        """Write the lock of a definition; return its path and what changed, a line each.

        With ``update`` every image is resolved anew; with ``regroup`` shared layers are grouped,
        with ``repack`` packs chosen, as if for the first time. With ``dry_run`` nothing is written.
        """
        rendered = [] if dry_run else self._render_charts(what, update=update)
        definition = _load(what)
        self._sweep(definition.file)
        path = lock_path(definition.file)
        old = read_lock(path) or Lock()
        kept = old if not update else replace(old, images={})
        kept = kept if not regroup else replace(kept, groups=())
        kept = kept if not repack else replace(kept, packs=(), packed="")
        new = self._resolve(definition, kept, old)
        if not dry_run:
            write_lock(new, path)
        return path, [*rendered, *changes(old, new)]

    def _locked(self, what: What) -> tuple[Definition, Lock]:
        """Return a definition that passed its checks, and its lock, made if there is none."""
        if isinstance(what, Path) and not self.frozen and not lock_path(what).exists():
            self._render_charts(what, update=False)
        definition = _load(what)
        self._sweep(definition.file)
        path = lock_path(definition.file)
        lock = read_lock(path)
        for problem in chart_problems(definition):
            raise problem
        self.gate.check(definition, lock, self.reporter)
        if lock is None:
            if self.frozen:
                raise missing_lock(path, definition.file)
            self.reporter.say(f"lock    {path} does not exist: making it")
            lock = self._resolve(definition, Lock(), Lock())
            write_lock(lock, path)
            self.gate.check(definition, lock, self.reporter)
        return definition, lock

    def _render_charts(self, what: What, *, update: bool) -> list[str]:
        """Render charts, which images may be taken from."""
        if isinstance(what, Definition):
            definition = what
        else:
            definition, problems = read_definition(what)
            problems.check()
        return render_charts(definition, update=update, say=self.reporter.say)

    def _resolve(self, definition: Definition, kept: Lock, old: Lock) -> Lock:
        registry, packs = self.registry(definition), self.packs(definition, old)
        lock = resolve_lock(definition, kept, registry, packs.open)
        for deep in deep_images(definition, lock):
            self.reporter.say(f"warning {deep.place}: {deep.message}")
        return lock

    # Plan

    def plan(self, what: What) -> Plan:
        """Return the packages of a definition that passed its checks; lock it if it is not."""
        return make_plan(*self._locked(what))

    # Blobs

    def registry(self, definition: Definition) -> Registry:
        """Return the way to the images of ``definition``."""
        places = {
            image.source.text: Place(definition.file, image.line)
            for _, image in definition.images()
        }
        return replace(self.registry_at(definition.file.parent), places=places)

    def registry_at(self, base: Path) -> Registry:
        """Return the way to images whose sources, if they are relative paths, start at ``base``."""
        return Registry(self.cache, base, self.reporter, self.authfile)

    def packs(self, definition: Definition, lock: Lock) -> PackSource:
        """Return the way to the packs of a lock."""
        images = tuple(lock.images.values())
        return PackSource(self.registry(definition), self.output, images, self.published)

    # Store image

    def _store(
        self, plan: Plan, spec: Spec, contents: Contents, name: str
    ) -> AbstractContextManager[Product]:
        inputs = store_inputs(image_maker(spec.package.filesystem), contents)
        make = partial(self._make_store, plan, spec, contents, name)
        return self.products.open(self.output / "stores" / name, inputs, make)

    def _make_store(
        self, plan: Plan, spec: Spec, contents: Contents, name: str, work: Path
    ) -> Path:
        images, layers = contents.images, contents.layers
        with self.lanes.fetching:
            registry, arch, records = self.registry(plan.definition), contents.arch, bool(images)
            fetch_layers(registry, plan.origins(contents), layers, arch=arch, records=records)
        target, maker = work / name, image_maker(spec.package.filesystem)
        with ExitStack() as stack, self.lanes.storing():
            packs = [stack.enter_context(self._pack(plan, each)) for each in contents.packs]
            make_image(target, maker, images, layers, self.cache, self.reporter, packs)
        return target

    def _pack(self, plan: Plan, locked: LockedPack) -> AbstractContextManager[Pack]:
        return closing(self.packs(plan.definition, plan.lock).open(locked))

    # Source RPM, RPM

    def srpms(
        self, plan: Plan, arches: Sequence[str] = (), *, only: Collection[str] = ()
    ) -> list[Path]:
        """Make the source RPM of every package, all arches inside.

        With ``arches``, one for each of these, with nothing else inside (noarch packages: one).
        With ``only``, files of these names.
        """
        return self._make(plan, plan.source_rpms(arches), only)

    def rpms(
        self, plan: Plan, arches: Sequence[str] = (), *, only: Collection[str] = ()
    ) -> list[Path]:
        """Make the RPMs of every package, for ``arches`` (default: all).

        With ``only``, files of these names.
        """
        return self._make(plan, plan.rpms(arches), only)

    def _make(self, plan: Plan, rpms: Sequence[PlannedRpm], only: Collection[str]) -> list[Path]:
        jobs = [partial(self._rpm, plan, each) for each in rpms if not only or each.file in only]
        with self.reporter.showing():
            return run_jobs(jobs)

    def _rpm(self, plan: Plan, rpm: PlannedRpm) -> Path:
        inputs = package_inputs(rpm.spec, rpm.contents)
        make = partial(self._make_rpm, plan, rpm)
        return self.products.path(self.output / rpm.path, inputs, make, identity_of(rpm.spec))

    def _make_rpm(self, plan: Plan, rpm: PlannedRpm, work: Path) -> Path:
        # Store images stay open until they are packaged: what was checked is what is packaged.
        with ExitStack() as stores:
            sources: dict[str, Path | bytes] = {}
            for contents in rpm.contents:
                sources |= self._sources(plan, rpm.spec, contents, stores)
            topdir = make_topdir(work / "rpmbuild", rpm.spec, sources)
            kind, build = ("srpm", build_srpm) if rpm.is_source else ("rpm", build_rpm)
            with self.reporter.busy(f"{kind:7} {rpm.file}"):
                return build(topdir, rpm.arch)

    def _sources(
        self, plan: Plan, spec: Spec, contents: Contents, stores: ExitStack
    ) -> dict[str, Path | bytes]:
        """Return the sources of one arch by name; its store image is made if need be."""
        sources: dict[str, Path | bytes] = {}
        for source in spec.sources_of(contents.arch):
            if source.content is not None:
                sources[source.name] = source.content
            elif source.kind == "pack":
                (locked,) = contents.packs
                sources[source.name] = stores.enter_context(self._pack(plan, locked)).path
            elif source.kind == "packs":
                packs = [stores.enter_context(self._pack(plan, e)) for e in contents.packs]
                sources |= pack_sources(spec, contents.arch, sources, packs)
            elif source.kind == "verity":
                sources |= verity_sources(spec, contents.arch, sources)
            elif source.kind == "sbom":
                bill = bill_input(self.registry(plan.definition), spec, contents)
                sources[source.name] = MAKERS[maker_of(source.name)](*bill)
            else:
                store = self._store(plan, spec, contents, source.name)
                sources[source.name] = stores.enter_context(store).content
        return sources

    @property
    def products(self) -> Products:
        """What makes the files in ``output``."""
        return Products(self.output, self.reporter, is_checked=not self.gate.is_open)

    def _sweep(self, file: Path) -> None:
        """Remove what killed builds left, even when nothing is to be made now."""
        sweep(self.output / "work")
        sweep(lock_scratch(lock_path(file)))
        sweep(self.cache.scratch())


def _load(what: What) -> Definition:
    return what if isinstance(what, Definition) else load_definition(what)
