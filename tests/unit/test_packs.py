"""Which contents are in which pack: the laws, and what an update after another does."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from paack.helpers.lock.packs import (
    FEWER,
    LEAST_NEW,
    LEAST_SHARE,
    MOST_DEAD,
    MOST_PACKS,
    KnownPack,
    NewPack,
    Packing,
    Weights,
    distribute,
    uses,
)

KIB, MIB = 1 << 10, 1 << 20
SIZES = st.sampled_from([0, 1, 5 * KIB, 40 * KIB, 70 * KIB, 600 * KIB, 2 * MIB, 30 * MIB])
IDENTITIES = [b"%02d" % number for number in range(50)]
T = TypeVar("T")
NAMES = ("a", "b", "c")


@dataclass(frozen=True)
class State:
    """What packages want, and packs that may be anything at all."""

    wanted: dict[str, set[bytes]]
    sizes: dict[bytes, int]
    old: list[KnownPack]

    @property
    def packing(self) -> Packing:
        return distribute(self.wanted, self.sizes, self.old)


@st.composite
def states(draw: st.DrawFn) -> State:
    # An integer says which: draws much faster than sets do.
    def some(all_: Sequence[T]) -> set[T]:
        bits = draw(st.integers(0, (1 << len(all_)) - 1))
        return {one for number, one in enumerate(all_) if bits >> number & 1}

    sizes = dict(zip(IDENTITIES, draw(st.lists(SIZES, min_size=50, max_size=50)), strict=True))
    packs = []
    for number in range(draw(st.integers(0, 20))):
        weights = {one: sizes[one] * draw(st.integers(7, 13)) // 10 for one in some(IDENTITIES)}
        packs.append(KnownPack(f"{number}", tuple(sorted(some(NAMES))), weights))
    return State({name: some(IDENTITIES) for name in some(NAMES)}, sizes, packs)


def made(packing: Packing, sizes: Weights) -> list[KnownPack]:
    """Return all packs of a packing, the new ones made; in a pack, contents get other sizes."""
    draw, packs = random.Random(0), list(packing.kept)
    for new in packing.new:
        contents = sorted(new.contents)
        weights = {one: sizes[one] * draw.randrange(70, 130) // 100 for one in contents}
        packs.append(KnownPack(f"of {contents}", new.packages, weights))
    return packs


def of(packs: Sequence[KnownPack], name: str) -> list[KnownPack]:
    return [pack for pack in packs if name in pack.packages]


@settings(max_examples=80)
@given(states())
def test_keeping_twice_changes_nothing(state: State) -> None:
    packs = made(state.packing, state.sizes)
    assert replace(state, old=packs).packing == Packing(tuple(packs), ())


@settings(max_examples=80)
@given(states())
def test_what_a_packing_promises(state: State) -> None:
    packing, sizes = state.packing, state.sizes
    by_digest = {pack.digest: pack for pack in state.old}
    for pack in packing.kept:
        before = by_digest[pack.digest]
        assert pack.weights == before.weights
        assert pack.packages
        for name in pack.packages:
            assert name in before.packages or pack.weights.keys() <= state.wanted[name]
    packs = made(packing, sizes)
    for name, contents in state.wanted.items():
        mine = of(packs, name)
        assert len(mine) <= MOST_PACKS
        # Each content is new in at most one pack, and in none when a kept one has it.
        new = [one for pack in packing.new if name in pack.packages for one in pack.contents]
        kept = {one for pack in of(packing.kept, name) for one in pack.weights}
        assert len(new) == len(set(new))
        assert set(new) <= contents - kept
        index = contents - kept - set(new)
        assert sum(sizes[one] for one in index) < LEAST_NEW
        found = uses(contents, sizes, mine)
        total = sum(sizes[one] for one in contents)
        assert sum(use.live for use in found) + sum(sizes[one] for one in index) == total
        assert all(use.share >= LEAST_SHARE for use in found)
        assert sum(use.dead for use in found) <= MOST_DEAD * total


@settings(max_examples=40)
@given(states(), st.randoms(use_true_random=False))
def test_no_order_decides(state: State, draw: random.Random) -> None:
    """But that of the lock's packs: not how packages and contents are come upon."""

    def mixed(contents: Weights) -> dict[bytes, int]:
        return dict(draw.sample(sorted(contents.items()), len(contents)))

    old = [replace(pack, weights=mixed(pack.weights)) for pack in state.old]
    wanted = {
        name: state.wanted[name] for name in draw.sample(sorted(state.wanted), len(state.wanted))
    }
    assert State(wanted, mixed(state.sizes), old).packing == state.packing


def contents(prefix: str, count: int, size: int = MIB) -> dict[bytes, int]:
    return {f"{prefix}{number}".encode(): size for number in range(count)}


def packing_of(old: Sequence[KnownPack], **wanted: Weights) -> Packing:
    sizes = {one: size for each in wanted.values() for one, size in each.items()}
    return distribute({name: set(each) for name, each in wanted.items()}, sizes, old)


def test_a_rebuilt_base_sends_what_changed() -> None:
    first = contents("x", 100)
    (old,) = made(packing_of([], app=first), first)
    assert packing_of([old], app=contents("x", 80) | contents("y", 15)) == Packing(
        (old,), (NewPack(("app",), frozenset(contents("y", 15))),)
    )


def test_little_stays_in_the_index() -> None:
    for size, count in ((LEAST_NEW - 1, 0), (LEAST_NEW, 1)):
        assert len(packing_of([], app={b"one": size}).new) == count


def test_a_pack_of_which_little_is_needed_is_given_up() -> None:
    old = KnownPack("old", ("app",), contents("x", 10))
    half, less = contents("x", 5) | contents("y", 50), contents("x", 4) | contents("y", 50)
    assert packing_of([old], app=half).kept == (old,)
    assert packing_of([old], app=less) == Packing((), (NewPack(("app",), frozenset(less)),))


def test_the_worst_pack_goes_when_much_is_dead() -> None:
    """Though more than half of each is needed."""
    better = KnownPack("better", ("app",), contents("x", 100))
    worse = KnownPack("worse", ("app",), contents("y", 100))
    wanted = contents("x", 75) | contents("y", 60)
    assert Fraction(65, 135) > MOST_DEAD
    assert packing_of([worse, better], app=wanted) == Packing(
        (better,), (NewPack(("app",), frozenset(contents("y", 60))),)
    )


def test_many_packs_become_fewer() -> None:
    """Those with the least; and then none, for some updates."""
    wanted: dict[bytes, int] = {}
    packs: list[KnownPack] = []
    counts, sent = [], []
    for update in range(MOST_PACKS + 5):
        wanted |= contents(f"{update}-", 20 - update)
        packing = packing_of(packs, app=wanted)
        packs = made(packing, wanted)
        counts.append(len(packs))
        sent.append(sum(len(pack.contents) for pack in packing.new))
    assert counts == [*range(1, MOST_PACKS + 1), FEWER, *range(FEWER + 1, FEWER + 5)]
    # What is sent again is that of the smallest packs.
    assert sent[MOST_PACKS] == sum(20 - update for update in range(FEWER - 1, MOST_PACKS + 1))
    assert [size for n, size in enumerate(sent) if n != MOST_PACKS] == [
        20 - update for update in range(MOST_PACKS + 5) if update != MOST_PACKS
    ]


def test_packages_share_a_pack_that_is_worth_it() -> None:
    common, mine, yours = contents("c", 3), contents("a", 2), contents("b", 2)
    assert packing_of([], a=common | mine, b=common | yours).new == (
        NewPack(("a",), frozenset(mine)),
        NewPack(("a", "b"), frozenset(common)),
        NewPack(("b",), frozenset(yours)),
    )
    few = contents("c", 3, 100 * KIB)
    assert packing_of([], a=few | mine, b=few).new == (
        NewPack(("a",), frozenset(few | mine)),
        NewPack(("b",), frozenset(few)),
    )
    # The same contents are the same file, of the same name.
    assert packing_of([], a=few, b=few).new == (NewPack(("a", "b"), frozenset(few)),)
    old = KnownPack("old", ("b",), few)
    assert packing_of([old], a=few, b=few) == Packing((replace(old, packages=("a", "b")),), ())


def test_one_package_gives_up_what_another_keeps() -> None:
    old = KnownPack("old", ("a", "b"), contents("x", 10))
    few, most = contents("x", 3), contents("x", 9)
    assert packing_of([old], a=few, b=most) == Packing(
        (KnownPack("old", ("b",), old.weights),), (NewPack(("a",), frozenset(few)),)
    )


def test_a_package_shares_few_new_packs() -> None:
    """The largest; what it has in common with the others besides is in its own."""
    others = {f"p{number}": contents(f"{number}-", 2 + number) for number in range(6)}
    mine = {one: size for each in others.values() for one, size in each.items()}
    new = packing_of([], a=mine, **others).new
    assert [pack.packages for pack in new] == [
        ("a",), ("a", "p2"), ("a", "p3"), ("a", "p4"), ("a", "p5"), ("p0",), ("p1",),
    ]  # fmt: skip
    assert new[0].contents == set(others["p0"]) | set(others["p1"])
