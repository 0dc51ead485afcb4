"""Proving, without root, that the store inside an RPM is what its lock names.

The lock is in the RPM. From it, and the images' blobs (each checked by its digest), the store is
written again as it should be, and compared path by path with what the RPM's filesystem holds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from paack.helpers.blobs import Cache
from paack.helpers.errors import BuildError, LockError, VerificationError
from paack.helpers.hint import command
from paack.helpers.lock import Lock, read_lock
from paack.helpers.oci import LockedImage, StoredLayer, source_of
from paack.helpers.packages import LayerPackages
from paack.helpers.packs import PackSource
from paack.helpers.progress import Reporter, count
from paack.helpers.registry import Registry, ask_origins, check_cached, fetch_images
from paack.helpers.rpm import (
    KnownLayers,
    UnpackedRpm,
    check_is_rpm,
    is_part_file,
    named_groups,
    own_layers,
    pack_name,
    read_layers,
    signature_of,
    unpack,
    verity_problems,
)
from paack.helpers.store import (
    Layer,
    Table,
    differences,
    packages_of,
    read_image,
    read_table,
    write_store,
)
from paack.helpers.store import look as look_for_packages
from paack.helpers.verify.claims import list_differences, needs_differences, sbom_differences
from paack.helpers.verify.demands import Demands, Proof
from paack.helpers.verify.difference import Difference, difference_at, rpm_differences
from paack.helpers.verify.digests import chain_problems
from paack.helpers.verify.packs import joined, name_of_pack, pack_differences
from paack.helpers.verify.trial import candidates, start_all
from paack.helpers.verify.unit_trial import try_generator, unit_candidates, unpack_units
from paack.helpers.verify.verdict import HINT, Verdict, conclusion
from paack.helpers.workspace import workspace

_HINT_UNSIGNED = f"sign it: {command('repo', sign='KEY')}"
_HINT_LAYERS = (
    "name the RPMs of its layers and packs, too; without any name it is all of them: "
    f"{command('verify')}"
)
_HINT_UNITS = f"see {command('check', def_='FILE')}, and which podman the package requires"
_HINT_RUN = "the store is as locked: does `podman run` start another image on this machine?"


@dataclass(frozen=True)
class Verifier:
    """Verifies RPMs; blobs that the cache lacks are fetched. ``scratch`` is for work.

    Packs are in the cache, in RPMs beside those that are verified, or in ``output``.
    """

    registry: Registry
    scratch: Path
    demands: Demands = Demands()
    known: KnownLayers = field(default_factory=KnownLayers)
    output: Path = Path("_output")

    @property
    def cache(self) -> Cache:
        """Where the blobs are."""
        return self.registry.cache

    @property
    def reporter(self) -> Reporter:
        """Who is told."""
        return self.registry.reporter

    def verify_all(self, rpms: Sequence[Path]) -> Iterator[Proof]:
        """Yield what was proved of each RPM; at the end, raise VerificationError for the others."""
        for rpm in rpms:
            check_is_rpm(rpm)
        failed: list[VerificationError] = []
        waiting: list[tuple[Path, Verdict]] = []
        verified_groups: set[str] = set()
        packs = PackSource(self.registry, self.output, beside=_directories(rpms))
        # What packages of layers should have, only the others say.
        for rpm in sorted(rpms, key=lambda rpm: is_part_file(rpm.name)):
            try:
                verdict = self._examine(rpm, packs)
                verified_groups.add(verdict.group)
                if verdict.needs:
                    waiting.append((rpm, verdict))
                else:
                    yield conclusion(rpm, verdict)
            except VerificationError as error:
                failed.append(error)
        for rpm, verdict in waiting:
            # Its images are as locked only where these layers are, too.
            if lacking := sorted(set(verdict.needs) - verified_groups):
                verdict.hint = verdict.hint if verdict.differences else _HINT_LAYERS
                what = "is not verified with it, and has a part of its images"
                verdict.differences += [Difference(name, what) for name in lacking]
            try:
                yield conclusion(rpm, verdict)
            except VerificationError as error:
                failed.append(error)
        if failed:
            text = "\n".join(each.message for each in failed)
            raise VerificationError(text, hint=failed[0].hint)

    def _examine(self, rpm: Path, packs: PackSource) -> Verdict:
        self.scratch.mkdir(parents=True, exist_ok=True)
        verdict = Verdict(differences=list(rpm_differences(rpm)))
        with workspace(self.scratch) as work:
            if not verdict.differences:  # else nothing in it can be trusted to be read
                signature = signature_of(rpm, self.demands.keys, work)
                if signature.problem:
                    verdict.differences.append(Difference(rpm.name, signature.problem))
                    verdict.hint = HINT if signature.signer else _HINT_UNSIGNED
                verdict.group = name_of_pack(rpm)
                if verdict.group:
                    verdict.differences += pack_differences(rpm, verdict.group)
                    verdict.proved = f"the pack of its name, {signature}"
                    return verdict
                package = unpack(rpm, work)
                if self.demands.run:
                    verdict.units = unpack_units(rpm, work)
                if package and package.layers_json.exists():
                    self._judge_layers(package, work, verdict)
                elif package:
                    self._judge(package, work, verdict, packs)
                if verdict.units and not verdict.differences:
                    verdict.note(try_generator(verdict.units), _HINT_UNITS)
                what = "no images inside"
                if package:
                    images = f"{count(len(verdict.images), 'image')}, " if verdict.images else ""
                    what = f"{images}{count(verdict.layers, 'layer')}: as locked"
                verdict.proved = f"{what}, {signature}"
        return verdict

    def _judge(
        self, package: UnpackedRpm, work: Path, verdict: Verdict, source: PackSource
    ) -> None:
        shared = f"/usr/share/paack/{package.name}"
        try:
            lock = read_lock(package.lock) or Lock()
        except LockError as error:
            verdict.differences.append(Difference(f"{shared}/lock.yaml", error.message))
            return
        images = verdict.images = list(lock.images.values())
        differences = verdict.differences
        try:
            self.known.add(lock, package.layers)
        except ValueError as error:
            differences.append(Difference(f"{shared}/{package.layers.name}", str(error)))
        packs = tuple(pack_name(each.digest) for each in lock.packs)
        verdict.needs = (*named_groups(package.layers), *packs)
        layers = own_layers(lock)
        verdict.layers = len(layers)
        differences += list_differences(package, images)
        differences += needs_differences(package, packs)
        package, problems = joined(package, lock.packs, source, work)
        if problems:
            differences += problems
            return
        self.fetch(images)
        differences += [
            Difference(f"{shared}/lock.yaml", f"{image.source} ({image.arch}): {problem}")
            for image in images
            for problem in chain_problems(image, self.cache)
        ]
        seen: dict[str, LayerPackages] = {}
        differences += self.verify_store(
            package.store, package.filesystem, images, layers, work, seen
        )
        differences += [Difference(name, what) for name, what in verity_problems(package)]
        inside = packages_of(self.cache, images, seen)
        differences += sbom_differences(package, images, self.cache, inside)
        self._meet_demands(package, lock, verdict)

    def _meet_demands(self, package: UnpackedRpm, lock: Lock, verdict: Verdict) -> None:
        if self.demands.against == "registry":
            self._ask(verdict.images, verdict)
        if self.demands.run and lock.groups:
            verdict.notes.append("not started: layers of its images are in other packages")
        elif self.demands.run and not verdict.differences:  # what is not ours is not started
            self._start(package, verdict)

    def _judge_layers(self, package: UnpackedRpm, work: Path, verdict: Verdict) -> None:
        where = f"/usr/share/paack/{package.name}/{package.layers_json.name}"
        verdict.group = package.name
        differences = verdict.differences
        try:
            layers = read_layers(package.layers_json)
        except ValueError as error:
            differences.append(Difference(where, str(error)))
            return
        problems = self.known.problems(package.name, layers, self.cache)
        differences += [Difference(where, f"{name}: {what}") for name, what in problems]
        if not differences:
            verdict.layers = len(layers)
            differences += self.verify_store(package.store, package.filesystem, [], layers, work)

    def _ask(self, images: Sequence[LockedImage], verdict: Verdict) -> None:
        for answer in ask_origins(images, self.registry):
            name = f"{answer.image.source} ({answer.image.arch})"
            verdict.differences += [Difference(name, problem) for problem in answer.problems]
            verdict.notes += [f"{name}: {note}" for note in answer.notes]

    def _start(self, package: UnpackedRpm, verdict: Verdict) -> None:
        wanted = candidates(verdict.images, self.cache)
        if verdict.units:
            wanted += unit_candidates(verdict.units, verdict.images, self.cache)
        verdict.note(start_all(package.store, package.filesystem, wanted), _HINT_RUN)

    def fetch(self, images: Sequence[LockedImage]) -> None:
        """Bring what the cache lacks of the images."""
        if self.demands.against == "cache":
            check_cached(images, self.registry)
            return
        sources = map(source_of, images)
        fetch_images(self.registry, zip(images, sources, strict=True))

    def verify_store(
        self,
        store: Path,
        filesystem: str,
        images: Sequence[LockedImage],
        layers: Sequence[StoredLayer],
        work: Path,
        seen: dict[str, LayerPackages] | None = None,
    ) -> list[Difference]:
        """Return how a store image differs from what a lock names; ``work`` is for spools.

        What its layers have of packages is put into ``seen``, by their diffIDs.
        """
        with ThreadPoolExecutor(1) as pool:
            reading_found = pool.submit(read_image, store, filesystem)
            expected = self.expected(images, layers, work, seen)
            try:
                found = reading_found.result()
            except (BuildError, ValueError) as error:
                return [Difference(store.name, f"cannot be read: {error}")]
        names = {each.id.encode(): each.locked.digest for each in layers}
        return [difference_at(path, what, names) for path, what in differences(expected, found)]

    def expected(
        self,
        images: Sequence[LockedImage],
        layers: Sequence[StoredLayer],
        work: Path,
        seen: dict[str, LayerPackages] | None = None,
    ) -> Table:
        """Return the store of a lock: the stream that a build pipes into the image maker."""
        reader, writer = os.pipe()

        def look(layer: Layer) -> None:
            if seen is not None and layer.diff_id not in seen:
                seen[layer.diff_id] = look_for_packages(layer, work)

        def write() -> None:
            with os.fdopen(writer, "wb") as out:
                write_store(out, images, layers, self.cache, work, self.reporter, None, look)

        with os.fdopen(reader, "rb") as stream, ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write)
            try:
                table = read_table(stream)
            except ValueError:
                writing.result()  # the reason, if it is there
                raise
            writing.result()
        return table


def _directories(rpms: Sequence[Path]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(rpm.parent for rpm in rpms))
