"""Reading reports from RPMs, and from the records of their builds beside them.

No network, no root, and no cache but for packs. The parts of an RPM add up to its size, to the
byte.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from paack.helpers.definition import Definition
from paack.helpers.errors import LockError, PaackError, UsageError, VerificationError
from paack.helpers.hint import command
from paack.helpers.kubernetes import images_of, read_objects, title_of
from paack.helpers.lock import Lock, read_lock
from paack.helpers.oci import LockedImage, chain_ids, layer_id, read_facts, stored_layers
from paack.helpers.packs import PackSource
from paack.helpers.quadlet import SyntaxProblem, Unit, UnitTree, kind_of, parse_unit, unit_images
from paack.helpers.report.packs import join_packs
from paack.helpers.report.report import (
    BuildRecord,
    LayerPackage,
    Part,
    Report,
    ReportedImage,
    ReportedLayer,
    ReportedManifest,
    ReportedPack,
    ReportedRpm,
)
from paack.helpers.rpm import (
    KnownLayers,
    ListedPackage,
    RpmContents,
    RpmFacts,
    is_part_file,
    read_bill,
    unpack_contents,
)
from paack.helpers.rpm import read_facts as read_rpm_facts
from paack.helpers.store import StoreContents, StoreUsage, read_store
from paack.helpers.workspace import workspace

_VERIFY = f"{command('verify', rpm='RPM')}   tells what was changed, and where"


def built_rpms(
    output: Path, definition: Definition | None = None, *, layers: bool = False
) -> list[Path]:
    """Return the RPMs that are in ``output``; with a definition, those of its packages.

    Those of layers only with ``layers``. Raises UsageError when there are none.
    """
    rpms = sorted(output.glob("rpms/*/*.rpm"))
    chosen = [path for path in rpms if layers or not is_part_file(path.name)]
    if definition:
        names = [f"{each.name}-{each.version}-{each.release}" for each in definition.packages]
        chosen = [path for path in chosen if path.name.rsplit(".", 2)[0] in names]
    if not chosen:
        of = f" of {definition.file}" if definition else ""
        hint = command("build", def_=definition.file if definition else "FILE")
        raise UsageError(f"no RPM{of} was built in {output / 'rpms'}", hint=hint)
    return chosen


def read_reports(rpms: Iterable[Path], scratch: Path, packs: PackSource) -> list[Report]:
    """Read RPMs and group them by NAME-VERSION-RELEASE; ``scratch`` is a directory for work.

    Raises UsageError for two RPMs of one name, VerificationError for what is damaged, LockError
    for packs that nobody has.
    """
    by_name: dict[str, tuple[Path, ReportedRpm]] = {}
    for rpm in rpms:
        reported = read_rpm(rpm, scratch, packs)
        known = by_name.setdefault(reported.facts.file, (rpm, reported))[0]
        if known.resolve() != rpm.resolve():
            raise UsageError(f"{known} and {rpm} are both {reported.facts.file}", hint="name one")
    builds: defaultdict[str, list[ReportedRpm]] = defaultdict(list)
    for name in sorted(by_name):
        reported = by_name[name][1]
        builds[reported.facts.nvr].append(reported)
    return [Report(tuple(builds[name])) for name in sorted(builds)]


def read_rpm(rpm: Path, scratch: Path, source: PackSource) -> ReportedRpm:
    """Read one RPM."""
    facts = read_rpm_facts(rpm)
    with workspace(scratch) as work:
        contents = unpack_contents(rpm, facts.name, work)
        manifests = tuple(
            _manifest(path, file, contents.files[path]) for path, file in contents.manifests.items()
        )
        lock_sha256 = (
            hashlib.sha256(contents.lock.read_bytes()).hexdigest() if contents.lock else ""
        )
        lock = _lock(rpm, contents)
        store, packs = _store(rpm, contents, lock, source, work)
        packages = _layer_packages(rpm, lock, contents)
        inside = _bill(rpm, contents)
    images = _images(rpm, lock, store, inside) if store and contents.lock else ()
    return ReportedRpm(
        facts=facts,
        filesystem=contents.filesystem,
        usage=store.usage if store else None,
        images=images,
        layers=_layers(images, store.usage) if store else (),
        parts=tuple(_parts(facts, contents, store.usage if store else None)),
        packs=packs,
        manifests=manifests,
        lock_sha256=lock_sha256,
        record=_record(rpm, facts),
        layer_packages=packages,
    )


def _store(
    rpm: Path, contents: RpmContents, lock: Lock, source: PackSource, work: Path
) -> tuple[StoreContents | None, tuple[ReportedPack, ...]]:
    if contents.store is None:
        return None, ()
    store, packs = contents.store, tuple[ReportedPack, ...]()
    try:
        if contents.is_index:
            store = work / "joined"
            packs = join_packs(store, contents.store, lock.packs, source)
        return read_store(store, contents.filesystem), packs
    except ValueError as error:
        raise VerificationError(
            f"{rpm}: its store cannot be read: {error}", hint=_VERIFY
        ) from error


def _lock(rpm: Path, contents: RpmContents) -> Lock:
    if contents.lock is None:
        return Lock()
    try:
        return read_lock(contents.lock) or Lock()
    except LockError as error:
        raise VerificationError(f"{rpm}: its lock {error.message}", hint=_VERIFY) from error


def _bill(rpm: Path, contents: RpmContents) -> dict[str, tuple[ListedPackage, ...]]:
    try:
        return read_bill(contents.bill) if contents.bill else {}
    except (ValueError, OSError) as error:
        raise VerificationError(f"{rpm}: its bill of materials: {error}", hint=_VERIFY) from error


def _layer_packages(rpm: Path, lock: Lock, contents: RpmContents) -> tuple[LayerPackage, ...]:
    """Return the packages of layers that an RPM needs, in the order of its lock."""
    known = KnownLayers()
    try:
        known.add(lock, contents.layers)
    except ValueError as error:
        raise VerificationError(f"{rpm}: its list of layers: {error}", hint=_VERIFY) from error
    sizes = {key: each.locked.size for key, each in known.layers.items()}
    return tuple(
        LayerPackage(name, ids, sum(sizes.get(each, 0) for each in ids))
        for name, ids in known.packages.items()
    )


def _images(
    rpm: Path, lock: Lock, store: StoreContents, inside: Mapping[str, tuple[ListedPackage, ...]]
) -> tuple[ReportedImage, ...]:
    """Return the images, the biggest first."""
    locked = sorted(lock.images.values(), key=lambda image: (image.names, image.source))
    users = _users(locked)
    elsewhere = {each for group in lock.groups for each in group.layers}
    if store.usage.layers.keys() != users.keys() - elsewhere:
        raise VerificationError(f"{rpm}: its layers are not those of its lock", hint=_VERIFY)
    own, shared = [0] * len(locked), [0] * len(locked)
    for owners, size in store.usage.pieces.items():
        having = {number for layer in owners for number in users[layer]}
        for number in having:
            (shared if len(having) > 1 else own)[number] += size
    reported = []
    for number, image in enumerate(locked):
        config = store.big_data.get(image.config)
        if config is None:
            raise VerificationError(f"{rpm}: {image.names[0]} has no config", hint=_VERIFY)
        facts = read_facts(config, len(image.layers))
        packages = inside.get(image.manifest, ())
        reported.append(ReportedImage(image, facts, own[number], shared[number], packages))
    return tuple(sorted(reported, key=lambda image: (-image.size, image.name, image.locked.source)))


def _layers(images: Sequence[ReportedImage], usage: StoreUsage) -> tuple[ReportedLayer, ...]:
    """Return the layers, the biggest first."""
    locked = [image.locked for image in images]
    users = _users(locked)
    made_by: dict[str, str] = {}
    for image in images:
        for identifier, text in zip(_layer_ids(image.locked), image.facts.made_by, strict=True):
            made_by.setdefault(identifier, text)
    common: defaultdict[str, int] = defaultdict(int)
    for owners, size in usage.pieces.items():
        for identifier in owners if len(owners) > 1 else ():
            common[identifier] += size
    layers = [
        ReportedLayer(
            stored=each,
            files=usage.layers[each.id],
            images=tuple(users[each.id]),
            made_by=made_by[each.id],
            own=usage.pieces.get((each.id,), 0),
            common=common[each.id],
        )
        for each in stored_layers(locked)
        if each.id in usage.layers
    ]
    return tuple(sorted(layers, key=lambda layer: (-layer.size, layer.stored.id)))


def _users(locked: Sequence[LockedImage]) -> dict[str, list[int]]:
    """Return the numbers of the images that have a layer, by its ID."""
    users: defaultdict[str, list[int]] = defaultdict(list)
    for number, image in enumerate(locked):
        for identifier in _layer_ids(image):
            users[identifier].append(number)
    return dict(users)


def _layer_ids(image: LockedImage) -> list[str]:
    return [layer_id(chain) for chain in chain_ids([each.diff_id for each in image.layers])]


def _parts(facts: RpmFacts, contents: RpmContents, usage: StoreUsage | None) -> Iterable[Part]:
    yield Part("RPM header: names, scriptlets, Provides", facts.header_size)
    stored = contents.files[contents.store_path] if contents.store else 0
    if contents.is_index:
        yield Part("Index of the store: all but what is in packs", stored)
    elif usage:
        own = sum(size for owners, size in usage.pieces.items() if len(owners) == 1)
        yield Part("Layers, each once", own)
        yield Part("Files that several layers have, stored once", sum(usage.pieces.values()) - own)
        yield Part("Manifests and configs of images, the store's lists", usage.records)
        yield Part("Tables of the filesystem: names, owners, modes, padding", usage.tables)
        if usage.unused:
            yield Part("Bytes of the filesystem that belong to no file", usage.unused)
    manifests = sum(contents.files[path] for path in contents.manifests)
    whole = sum(contents.files.values())
    yield Part("Kubernetes manifests, Quadlet units", manifests)
    others = whole - manifests - stored
    yield Part("Lock, units, doctor and other files for the device", others)
    yield Part("Archive (cpio): names, links, padding", facts.archive_size - whole)
    saved = facts.archive_size - (facts.size - facts.header_size)
    if saved:
        yield Part("Saved by RPM's compression", -saved)


def _manifest(path: str, file: Path, size: int) -> ReportedManifest:
    """Read a manifest or unit; a file that is neither has no objects."""
    try:
        if kind := kind_of(path):
            unit = Unit(path, kind, parse_unit(file.read_bytes().decode("utf-8"), Path(path)))
            images = unit_images(UnitTree({}, (unit,), ()), "")
            return ReportedManifest(
                path, size, (unit.service,), tuple(dict.fromkeys(each.use.image for each in images))
            )
        objects = read_objects(file.read_text("utf-8"), Path(path))
    except (PaackError, SyntaxProblem, ValueError):
        return ReportedManifest(path, size, (), ())
    titles = dict.fromkeys(filter(lambda title: title != "?/?", map(title_of, objects)))
    uses = dict.fromkeys(use.image for each in objects for use in images_of(each, Path(path)))
    return ReportedManifest(path, size, tuple(titles), tuple(uses))


def _record(rpm: Path, facts: RpmFacts) -> BuildRecord | None:
    """Return the record of the build beside an RPM, if it is of these bytes."""
    try:
        record = json.loads(rpm.with_name(f"{rpm.name}.buildinfo.json").read_text("utf-8"))
        if record["sha256"] != facts.sha256:
            return None
        inputs = record["inputs"]
        recipes = tuple(map(str, inputs["recipes"]))
        return BuildRecord(str(inputs["rpm"]), str(inputs["libzstd"]), recipes)
    except (OSError, ValueError, KeyError, TypeError):
        return None
