"""From a definition to source RPMs and RPMs: the steps, each given the value of the one before.

Whatever is unchanged is not made again; "unchanged" is told by content (lock, manifests, spec,
tool versions), never by time. What is made appears in ``_output`` by rename.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

from paack.helpers.blobs.cache import Cache, default_cache
from paack.helpers.check.gate import Gate
from paack.helpers.definition.definition import Definition, Package, read_definition
from paack.helpers.errors import Place
from paack.helpers.jobs import Lanes, run_jobs
from paack.helpers.kubernetes.charts import chart_problems, render_charts
from paack.helpers.lock.changes import changes
from paack.helpers.lock.filesystem import chosen, with_filesystems
from paack.helpers.lock.group import check_groups, with_groups
from paack.helpers.lock.lock import (
    Lock,
    check_lock,
    lock_path,
    lock_scratch,
    make_lock,
    missing_lock,
    read_lock,
    write_lock,
)
from paack.helpers.oci.manifest import READING
from paack.helpers.packages.readers import READING as READING_PACKAGES
from paack.helpers.plan.bill import bill_input
from paack.helpers.plan.contents import check_arches, group_packages, source_specs, specs
from paack.helpers.plan.depth import deep_images
from paack.helpers.product import Product, Products, digest_of_text, group_identity
from paack.helpers.progress import Reporter
from paack.helpers.quadlet.complete import load_definition
from paack.helpers.registry.fetch import fetch_images, to_fetch
from paack.helpers.registry.registry import Registry
from paack.helpers.rpm.bills import MAKERS, maker_of
from paack.helpers.rpm.rpm import build_rpm, build_srpm, make_topdir, rpmbuild_version
from paack.helpers.rpm.spdx import LAYOUT as SBOM_LAYOUT
from paack.helpers.rpm.spec import Contents, Spec
from paack.helpers.rpm.verity import verity_sources
from paack.helpers.store.filesystem_needs import filesystems_of
from paack.helpers.store.image import ImageMaker, image_maker, libzstd_version, make_image
from paack.helpers.workspace import sweep


@dataclass(frozen=True)
class Builder:
    """Where things go and how: ``output`` is ``_output``, ``frozen`` refuses to lock."""

    output: Path = Path("_output")
    cache: Cache = field(default_factory=default_cache)
    reporter: Reporter = field(default_factory=Reporter)
    authfile: Path | None = None
    frozen: bool = False
    lanes: Lanes = field(default_factory=Lanes, compare=False)
    gate: Gate = field(default_factory=Gate, compare=False)

    @property
    def products(self) -> Products:
        """What makes the files in ``output``."""
        return Products(self.output, self.reporter, is_checked=not self.gate.is_open)

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

    def lock(
        self,
        what: Path | Definition,
        *,
        update: bool = False,
        regroup: bool = False,
        dry_run: bool = False,
    ) -> tuple[Path, list[str]]:
        """Write the lock of a definition; return its path and what changed, a line each.

        With ``update`` every image is resolved anew; with ``regroup`` shared layers are grouped
        as if for the first time. With ``dry_run`` nothing is written.
        """
        rendered = [] if dry_run else self._render(what, update=update)
        definition = _load(what)
        self._tidy(definition.file)
        path = lock_path(definition.file)
        old = read_lock(path) or Lock()
        kept = Lock({} if update else old.images, () if regroup else old.groups)
        new = self._make_lock(definition, kept)
        if not dry_run:
            write_lock(new, path)
        return path, [*rendered, *changes(old, new)]

    def _render(self, what: Path | Definition, *, update: bool) -> list[str]:
        """Render charts, which images may be taken from."""
        if isinstance(what, Definition):
            definition = what
        else:
            definition, problems = read_definition(what)
            problems.check()
        return render_charts(definition, update=update, say=self.reporter.say)

    def _make_lock(self, definition: Definition, old: Lock) -> Lock:
        registry = self.registry(definition)
        with self.reporter.showing():
            new = make_lock(definition, old, registry.resolve)
            for arch, image in definition.images():
                registry.check(new.of(image.source, arch), image.source)
            new = with_filesystems(definition, new, partial(filesystems_of, registry))
        for deep in deep_images(definition, new):
            self.reporter.say(f"warning {deep.place}: {deep.message}")
        return with_groups(chosen(definition, new), new, old.groups)

    def packages(self, what: Path | Definition) -> list[Package]:
        """Return the packages of a definition; those of layers, which its lock tells, first."""
        definition = _load(what)
        if all(each.layers == "bundled" for each in definition.packages):
            return list(definition.packages)
        groups = group_packages(*self._locked(definition))
        return [*(each.spec.package for each in groups), *definition.packages]

    def check(self, what: Path | Definition) -> Definition:
        """Return a definition that passed its checks, all but those of the lock."""
        definition = _load(what)
        self.gate.check(definition, read_lock(lock_path(definition.file)), self.reporter)
        return definition

    def srpm(
        self, what: Path | Definition, arches: Sequence[str] = (), *, only: Collection[str] = ()
    ) -> list[Path]:
        """Make the source RPM of every package of a definition, all arches inside.

        With ``arches``, one for each of these, with nothing else inside (noarch packages: one).
        Packages of layers come first, and have one arch. With ``only``, files of these names.
        """
        definition, lock = self._locked(what)
        check_arches(definition, arches)
        with self.reporter.showing():
            return run_jobs(
                [
                    partial(self._srpm, definition, spec, lock, arch)
                    for spec, arch in source_specs(definition, lock, arches)
                    if not only or spec.source_file in only
                ]
            )

    def specs(self, what: Path | Definition, arches: Sequence[str]) -> list[tuple[Spec, Contents]]:
        """Return the spec and contents of each RPM of a definition, for ``arches`` (none: all)."""
        definition, lock = self._locked(what)
        check_arches(definition, arches)
        return list(specs(definition, lock, arches))

    def rpms(
        self, what: Path | Definition, arches: Sequence[str] = (), *, only: Collection[str] = ()
    ) -> list[Path]:
        """Make the RPMs of every package of a definition, for ``arches`` (default: all).

        Packages of layers come first. With ``only``, files of these names.
        """
        definition, lock = self._locked(what)
        check_arches(definition, arches)
        with self.reporter.showing():
            return run_jobs(
                [
                    partial(self._rpm, definition, spec, contents, lock)
                    for spec, contents in specs(definition, lock, arches)
                    if not only or spec.file(contents.arch) in only
                ]
            )

    def _locked(self, what: Path | Definition) -> tuple[Definition, Lock]:
        if isinstance(what, Path) and not self.frozen and not lock_path(what).exists():
            self._render(what, update=False)
        definition = _load(what)
        self._tidy(definition.file)
        path = lock_path(definition.file)
        lock = read_lock(path)
        for problem in chart_problems(definition):
            raise problem
        self.gate.check(definition, lock, self.reporter)
        if lock is None:
            if self.frozen:
                raise missing_lock(path, definition.file)
            self.reporter.say(f"lock    {path} does not exist: making it")
            lock = self._make_lock(definition, Lock())
            write_lock(lock, path)
            self.gate.check(definition, lock, self.reporter)
        check_lock(definition, lock)
        definition = chosen(definition, lock)
        check_groups(definition, lock)
        return definition, lock

    def _tidy(self, file: Path) -> None:
        """Remove what killed builds left, even when nothing is to be made now."""
        sweep(self.output / "work")
        sweep(lock_scratch(lock_path(file)))
        sweep(self.cache.scratch())

    def _srpm(self, definition: Definition, spec: Spec, lock: Lock, arch: str = "") -> Path:
        target = self.output / "srpms" / arch / spec.source_file

        def make(work: Path) -> Path:
            with ExitStack() as stores:
                sources: dict[str, Path | bytes] = {}
                for each in spec.contents:
                    sources |= self._sources(definition, spec, each, lock, stores)
                topdir = make_topdir(work / "rpmbuild", spec, sources)
                with self.reporter.busy(f"srpm    {target.name}"):
                    return build_srpm(topdir, spec.contents[0].arch)

        inputs = _inputs(spec, spec.contents, self._makers(spec))
        return self.products.path(target, inputs, make, _identity(spec))

    def _rpm(self, definition: Definition, spec: Spec, contents: Contents, lock: Lock) -> Path:
        arch = spec.rpm_arch(contents.arch)
        target = self.output / "rpms" / arch / spec.file(contents.arch)

        def make(work: Path) -> Path:
            with ExitStack() as stores:
                sources = self._sources(definition, spec, contents, lock, stores)
                topdir = make_topdir(work / "rpmbuild", spec, sources)
                with self.reporter.busy(f"rpm     {target.name}"):
                    return build_rpm(topdir, arch)

        inputs = _inputs(spec, [contents], self._makers(spec))
        return self.products.path(target, inputs, make, _identity(spec))

    def _sources(
        self, definition: Definition, spec: Spec, contents: Contents, lock: Lock, stores: ExitStack
    ) -> dict[str, Path | bytes]:
        """Return the sources of one arch by name, making its store image if need be.

        The store image stays open in ``stores``: what was checked is what is packaged.
        """
        sources: dict[str, Path | bytes] = {}
        for source in spec.sources_of(contents.arch):
            if source.content is not None:
                sources[source.name] = source.content
            elif source.kind == "verity":
                sources |= verity_sources(spec, contents.arch, sources)
            elif source.kind == "sbom":
                make = MAKERS[maker_of(source.name)]
                registry = self.registry(definition)
                sources[source.name] = make(*bill_input(registry, spec, contents))
            else:
                maker = image_maker(spec.package.filesystem)
                store = self._store(definition, source.name, contents, lock, maker)
                sources[source.name] = stores.enter_context(store).content
        return sources

    def _store(
        self, definition: Definition, name: str, contents: Contents, lock: Lock, maker: ImageMaker
    ) -> AbstractContextManager[Product]:
        def make(work: Path) -> Path:
            with self.lanes.fetching:
                self._fetch(definition, contents, lock)
            target = work / name
            images, layers = contents.images, contents.layers
            with self.lanes.storing():
                make_image(target, maker, images, self.cache, self.reporter, layers)
            return target

        inputs: dict[str, object] = {
            "recipe": maker.recipe,
            "images": [asdict(image) for image in contents.images],
        }
        if contents.layers is not None:
            inputs["layers"] = [asdict(layer) for layer in contents.layers]
        return self.products.open(self.output / "stores" / name, inputs, make)

    def _fetch(self, definition: Definition, contents: Contents, lock: Lock) -> None:
        """Bring what the store of ``contents`` is made from."""
        sources = {image.source.text: image.source for _, image in definition.images()}
        # The layers of a package without images are those of any image.
        there = contents.images or [
            image for image in lock.images.values() if image.arch == contents.arch
        ]
        images = to_fetch(there, contents.layers, self.cache)
        if not contents.images:
            images = [image for image in images if image.layers]
        lacking = {
            layer.digest: layer.size
            for image in images
            for layer in image.layers
            if not self.cache.has(layer.digest, layer.size)
        }
        label = f"fetch   {contents.arch}"
        whole = (label, sum(lacking.values()), len(images), "image")
        with self.reporter.whole(*whole) as reporter:
            wanted = [(image, sources[image.source]) for image in images]
            fetch_images(replace(self.registry(definition), reporter=reporter), wanted)

    def _makers(self, spec: Spec) -> list[ImageMaker]:
        has_store = any(each.has_store for each in spec.contents)
        return [image_maker(spec.package.filesystem)] if has_store else []


def _load(what: Path | Definition) -> Definition:
    """Return a definition: given as one (generated), or as the path of a file to load."""
    return what if isinstance(what, Definition) else load_definition(what)


def _identity(spec: Spec) -> dict[str, object] | None:
    """Return what alone tells whether a package is there; None: its inputs do."""
    return group_identity(spec.package.name) if spec.package.layers == "group" else None


def _inputs(
    spec: Spec, contents: Sequence[Contents], makers: Sequence[ImageMaker]
) -> dict[str, object]:
    """Everything that decides the bytes of a package: kept in its buildinfo."""
    return {
        "spec": digest_of_text(spec.text.encode()),
        "rpm": rpmbuild_version(),
        "libzstd": libzstd_version(),
        "epoch": spec.epoch,
        "sbom": [SBOM_LAYOUT, READING_PACKAGES],
        "reading": READING,
        "recipes": [maker.recipe for maker in makers],
        "images": [asdict(image) for each in contents for image in each.images],
        "sources": {
            source.name: digest_of_text(source.content)
            for each in contents
            for source in spec.sources_of(each.arch)
            if source.content is not None
        },
    }
