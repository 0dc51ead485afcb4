"""Which contents are in which pack: old packs stay while in use, new contents are new packs.

All of it follows from what packages need and from the packs of the old lock, so that whoever
updates the same lock gets the same packs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from fractions import Fraction

#: Compressed sizes of contents, in bytes, by identity (of ``store.block_file``).
Weights = Mapping[bytes, int]

#: A package gives up a pack of which it needs less,
LEAST_SHARE = Fraction(1, 2)
#: and packs while what it does not need in them is more than this part of what it needs in all.
MOST_DEAD = Fraction(2, 5)
#: A package has at most so many packs. With more, it gives up all but ``FEWER``, so that an update
#: that brings a pack does not each time send another one again.
MOST_PACKS, FEWER = 12, 8
#: Contents that several packages need are a pack of theirs from so many bytes on; with less, each
#: of the packages has them in its own.
LEAST_SHARED = 1 << 20
#: At most so many of these are new at once in a package.
MOST_SHARED = 4
#: Fewer bytes than these stay in the index.
LEAST_NEW = 1 << 16


@dataclass(frozen=True, slots=True)
class KnownPack:
    """A pack that there is, the packages that require it, and what is in it."""

    digest: str
    packages: tuple[str, ...]
    weights: Weights


@dataclass(frozen=True, slots=True)
class NewPack:
    """A pack to be made, of ``contents`` (identities), for ``packages``."""

    packages: tuple[str, ...]
    contents: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Packing:
    """The packs of a lock: old ones, with the packages that still require them, then new ones.

    A content is in the first pack of a package that has it; in the package's index when none has.
    """

    kept: tuple[KnownPack, ...]
    new: tuple[NewPack, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """Of a pack, the bytes that a package needs, and the others."""

    live: int
    dead: int

    @property
    def share(self) -> Fraction:
        """The part that is needed."""
        return Fraction(self.live, self.live + self.dead) if self.live else Fraction(0)


def distribute(
    wanted: Mapping[str, Set[bytes]], sizes: Weights, old: Sequence[KnownPack]
) -> Packing:
    """Return the packs for the contents that packages want, where a lock has the packs ``old``.

    ``sizes`` are those of all contents in the layers.
    """
    kept = {
        name: _worth_keeping(wanted[name], sizes, [pack for pack in old if name in pack.packages])
        for name in sorted(wanted)
    }
    while True:
        new = _new_packs(wanted, sizes, kept)
        counts = Counter(name for pack in new for name in pack.packages)
        over = [name for name, packs in kept.items() if len(packs) + counts[name] > MOST_PACKS]
        over = [name for name in over if kept[name]]
        if not over:
            break
        for name in over:
            left = max(FEWER - counts[name], 0)
            kept[name] = _largest(wanted[name], sizes, kept[name], left)
    users: dict[str, set[str]] = defaultdict(set)
    for name, packs in kept.items():
        for pack in packs:
            users[pack.digest].add(name)
    # Contents that are a pack of another package are not made again: it would have its name.
    there = {frozenset(pack.weights): pack.digest for pack in reversed(old)}
    for each in new:
        if each.contents in there:
            users[there[each.contents]].update(each.packages)
    return Packing(
        tuple(
            replace(pack, packages=tuple(sorted(users[pack.digest])))
            for pack in old
            if pack.digest in users
        ),
        tuple(each for each in new if each.contents not in there),
    )


def uses(wanted: Set[bytes], sizes: Weights, packs: Iterable[KnownPack]) -> list[Use]:
    """Return how much of each pack a package needs that wants some contents.

    What several of the packs have counts in the first.
    """
    found, seen = [], set[bytes]()
    for pack in packs:
        needed = {one for one in pack.weights if one in wanted and one not in seen}
        seen |= needed
        # Sizes in use are those in the layers, as for new contents: so a pack that was made of
        # these counts as much as they did before.
        live = _size(sizes, needed)
        dead = sum(size for one, size in pack.weights.items() if one not in needed)
        found.append(Use(live, dead))
    return found


def _worth_keeping(
    wanted: Set[bytes], sizes: Weights, packs: Sequence[KnownPack]
) -> list[KnownPack]:
    """Return the packs of a package without those that have too little of what it wants."""
    kept, limit = list(packs), MOST_DEAD * _size(sizes, wanted)
    while kept:
        found = uses(wanted, sizes, kept)
        worst = min(range(len(kept)), key=lambda number: (found[number].share, number))
        dead = sum(use.dead for use in found)
        if found[worst].share >= LEAST_SHARE and dead <= limit:
            break
        del kept[worst]
    return kept


def _largest(
    wanted: Set[bytes], sizes: Weights, packs: Sequence[KnownPack], count: int
) -> list[KnownPack]:
    """Return ``count`` of a package's packs, those of which it needs most, in their order."""
    found = uses(wanted, sizes, packs)
    order = sorted(range(len(packs)), key=lambda number: (-found[number].live, number))
    return [packs[number] for number in sorted(order[:count])]


def _new_packs(
    wanted: Mapping[str, Set[bytes]],
    sizes: Weights,
    kept: Mapping[str, Sequence[KnownPack]],
) -> list[NewPack]:
    """Return packs of what no kept pack of a package has, sorted by their packages."""
    fresh = {
        name: wanted[name] - {one for pack in packs for one in pack.weights}
        for name, packs in kept.items()
    }
    needing: dict[bytes, list[str]] = defaultdict(list)
    for name, contents in fresh.items():
        for one in contents:
            needing[one].append(name)
    sets: dict[tuple[str, ...], set[bytes]] = defaultdict(set)
    for one, names in needing.items():
        sets[tuple(names)].add(one)
    packs: dict[frozenset[bytes], tuple[str, ...]] = {}
    for together in _worth_sharing(sizes, sets):
        packs[frozenset(sets[together])] = together
        for name in together:
            fresh[name] -= sets[together]
    for name, contents in fresh.items():
        if _size(sizes, contents) >= LEAST_NEW:
            packs[frozenset(contents)] = (*packs.get(frozenset(contents), ()), name)
    found = [NewPack(names, contents) for contents, names in packs.items()]
    return sorted(found, key=lambda pack: (pack.packages, sorted(pack.contents)))


def _worth_sharing(
    sizes: Weights, sets: Mapping[tuple[str, ...], set[bytes]]
) -> list[tuple[str, ...]]:
    """Return the sets of packages that get a pack together, the largest first."""
    found = {names: _size(sizes, sets[names]) for names in sets if len(names) > 1}
    chosen, counts = [], Counter[str]()
    for names in sorted(found, key=lambda names: (-found[names], names)):
        if found[names] >= LEAST_SHARED and all(counts[name] < MOST_SHARED for name in names):
            chosen.append(names)
            counts.update(names)
    return chosen


def _size(sizes: Weights, contents: Iterable[bytes]) -> int:
    return sum(sizes[one] for one in contents)
