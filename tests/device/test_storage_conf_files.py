"""Which file paack edits, makes, keeps or removes, under every shell and awk."""

from __future__ import annotations

import stat
from dataclasses import dataclass

import pytest

from tests.device.scenario import ETC, VENDOR, Entry, Outcomes, Scenario, add, play_under, remove
from tests.device.shells import COMBINATIONS, Combination
from tests.device.storage_confs import (
    CONTENTS,
    DEFAULTS,
    HEADER,
    OPTIONS,
    RHEL_9,
    RHEL_10,
    P,
    Q,
    parsed,
    with_stores,
)
from tests.support.commands import run
from tests.support.rights import needs_root

MOVED = "etc/other/storage.conf"
MOVE = f"mkdir etc/other; mv {ETC} {MOVED}"
LEFTOVER = "etc/containers/.storage.conf.paack"
IN_ETC = {ETC: RHEL_9.encode()}
IN_USR = {VENDOR: RHEL_10.encode()}
LISTS_P = f'{CONTENTS}{OPTIONS}additionalimagestores = ["{P}"]\n'.encode()
BROKEN = f'[storage\n# "{P}"\n'.encode()
VFS = "var/lib/containers/storage/vfs-images/images.json"
OVERLAY = "var/lib/containers/storage/overlay-images/images.json"


@dataclass(frozen=True)
class Round:
    """Two stores are added to `before`, which is or becomes the content of the file, and removed.

    `made` is what the file's header tells when paack makes it.
    """

    files: dict[str, bytes]
    prepare: str = ":"
    file: str = ETC
    before: str = RHEL_9
    made: bytes = b""

    @property
    def scenario(self) -> Scenario:
        """The steps: prepare, add, add, remove, remove."""
        return Scenario(self.files, (self.prepare, add(P), add(Q), remove(P), remove(Q)))


OUT_OF_NOTHING = b": the tools' own defaults, as there was none"
COPIED = b": a copy of /usr/share/containers/storage.conf, which is not read while this one is here"
ROUNDS = {
    "nothing": Round({}, before=DEFAULTS, made=b"this file" + OUT_OF_NOTHING),
    "no-directory": Round(
        {},
        "rmdir etc/containers",
        before=DEFAULTS,
        made=b"this file and its directory" + OUT_OF_NOTHING,
    ),
    "two-drivers": Round(
        {VFS: b"", OVERLAY: b""}, before=DEFAULTS, made=b"this file" + OUT_OF_NOTHING
    ),
    "vendor": Round(IN_USR, before=RHEL_10, made=b"this file" + COPIED),
    "vendor-no-directory": Round(
        IN_USR, "rmdir etc/containers", before=RHEL_10, made=b"this file and its directory" + COPIED
    ),
    "both": Round(IN_ETC | IN_USR),
    "owner-and-mode": Round(IN_ETC, f"chown 3:4 {ETC}; chmod 640 {ETC}"),
    "link": Round(IN_ETC, f"{MOVE}; ln -s ../other/storage.conf {ETC}", MOVED),
    "links": Round(IN_ETC, f"{MOVE}; ln -s ../x {ETC}; ln -s /{MOVED} etc/x", MOVED),
    "linked-directory": Round(
        IN_ETC, f"{MOVE}; rm -r etc/containers; ln -s other etc/containers", MOVED
    ),
}
SCENARIOS = {
    **{name: a_round.scenario for name, a_round in ROUNDS.items()},
    "leftover": Scenario(IN_ETC | {LEFTOVER: b"[half"}, (f"rm {LEFTOVER}", ":", add(P))),
    "leftover-only": Scenario(IN_ETC | {LEFTOVER: b"[half"}, (":", remove(P))),
    "edited-copy": Scenario(
        IN_USR, (add(P), f"sed -i s/,metacopy=on// {ETC}", add(Q), remove(P), remove(Q))
    ),
    "edited-defaults": Scenario({}, (add(P), f"echo '# mine' >>{ETC}", remove(P))),
    "entry-removed-by-hand": Scenario(IN_USR, (":", add(P), f"sed -i '\\:{P}:d' {ETC}", remove(P))),
    "replaced-copy": Scenario(IN_USR, (add(P), f"echo '[storage]' >{ETC}", remove(P))),
}
#: What is left alone: add tells why.
REFUSED = {
    "link-to-nothing": (Scenario({}, (f"ln -s ../x {ETC}", add(P), remove(P))), "leads nowhere"),
    "link-to-itself": (
        Scenario({}, (f"ln -s storage.conf {ETC}", add(P), remove(P))),
        "leads nowhere",
    ),
    "link-into-usr": (
        Scenario(IN_USR, (f"ln -s ../../{VENDOR} {ETC}", add(P), remove(P))),
        "a link to a file of another package",
    ),
    "other-driver": (Scenario({VFS: b"[]"}, (":", add(P), remove(P))), "of the driver vfs"),
    "broken-vendor": (Scenario({VENDOR: BROKEN}, (":", add(Q), remove(Q))), "line 1: ] is missing"),
    "no-awk": (
        Scenario(IN_ETC, (":", f"awk() {{ return 127; }}; {add(P)}", remove(P))),
        "awk does not work",
    ),
}
#: A store that paack cannot take off the list: remove fails and tells why.
STUCK = {
    "vendor": (Scenario({VENDOR: LISTS_P}, (":", add(P), remove(P))), "a file of another package"),
    "link-into-usr": (
        Scenario({VENDOR: LISTS_P}, (f"ln -s /{VENDOR} {ETC}", add(P), remove(P))),
        "a file of another package",
    ),
    "broken": (Scenario({ETC: BROKEN}, (":", ":", remove(P))), "line 1: ] is missing"),
    "directory": (Scenario({}, (f"mkdir {ETC}", ":", remove(P))), "it cannot be read"),
}
BAD_PATHS = ("", "/", "relative", "/a b", "/a\nb", '/a"', "/a\\b", "/ä", "/a,b", "/a:b", "/a*")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[Combination, Outcomes]:
    """All outcomes, by combination."""
    others = {
        **{f"refused {name}": scenario for name, (scenario, _) in REFUSED.items()},
        **{f"stuck {name}": scenario for name, (scenario, _) in STUCK.items()},
        **{
            f"bad path {number}": Scenario({}, (":", add(path), remove(path)))
            for number, path in enumerate(BAD_PATHS)
        },
    }
    scenarios = {**SCENARIOS, **others}
    return play_under(dict.fromkeys(COMBINATIONS, scenarios), tmp_path_factory.mktemp("played"))


@pytest.fixture(params=COMBINATIONS, ids=str)
def results(request: pytest.FixtureRequest, played: dict[Combination, Outcomes]) -> Outcomes:
    return played[request.param]


def without_content(entry: Entry) -> tuple[int, tuple[int, int]]:
    return entry.mode, entry.owner


@needs_root("files are root's, and of others")
@pytest.mark.parametrize("name", ROUNDS)
def test_the_file_is_edited_where_it_is_or_made_and_removed(name: str, results: Outcomes) -> None:
    a_round = ROUNDS[name]
    start, with_p, with_both, with_q, end = results[name]
    outcomes = results[name]
    assert [(outcome.code, outcome.errors) for outcome in outcomes] == [(0, "")] * 5
    expected = [with_stores(a_round.before.encode(), *stores) for stores in ((P,), (P, Q), (Q,))]
    edited = [with_p, with_both, with_q]
    assert [parsed(outcome.content(a_round.file)) for outcome in edited] == expected
    for outcome in edited:
        others = {path: entry for path, entry in outcome.tree.items() if path != a_round.file}
        assert (
            others.items()
            <= {**start.tree, "etc/containers": outcome.tree["etc/containers"]}.items()
        )
        found = HEADER.match(outcome.content(a_round.file))
        assert (found["what"] if found else b"") == a_round.made
        before = start.tree.get(a_round.file, Entry(stat.S_IFREG | 0o644, (0, 0), b""))
        assert without_content(outcome.tree[a_round.file]) == without_content(before)
    assert end.tree == start.tree


def test_the_header_has_the_checksum_of_what_was_copied(results: Outcomes) -> None:
    for name in ("nothing", "vendor"):
        found = HEADER.match(results[name][1].content())
        assert found
        assert run(["cksum"], stdin=ROUNDS[name].before).stdout == f"{found['sum'].decode()}\n"


@needs_root("files are root's, and of others")
def test_what_an_administrator_changed_in_it_stays(results: Outcomes) -> None:
    edited = results["edited-copy"]
    expected = RHEL_10.replace(",metacopy=on", "")
    assert HEADER.sub(b"", edited[-1].content()) == expected.encode()
    assert (
        HEADER.sub(b"", results["edited-defaults"][-1].content()) == f"{DEFAULTS}# mine\n".encode()
    )
    assert results["replaced-copy"][-1].content() == b"[storage]\n"
    by_hand = results["entry-removed-by-hand"]
    assert by_hand[-1].tree == by_hand[0].tree
    outcomes = [outcome for name in SCENARIOS for outcome in results[name]]
    assert {(outcome.code, outcome.errors) for outcome in outcomes} == {(0, "")}


def test_a_leftover_of_a_killed_run_goes(results: Outcomes) -> None:
    start, _, added = results["leftover"]
    assert added.tree.keys() == start.tree.keys()
    left, removed = results["leftover-only"]
    assert left.tree.keys() - removed.tree.keys() == {LEFTOVER}


def test_what_cannot_be_edited_is_left_alone(results: Outcomes) -> None:
    for name, (_, reason) in REFUSED.items():
        start, added, removed = results[f"refused {name}"]
        assert (added.code, removed.code) == (0, 0)
        assert " is not listed in " in added.errors
        assert reason in added.errors
        assert removed.errors == ""
        assert added.tree == removed.tree == start.tree


def test_remove_fails_where_the_line_stays(results: Outcomes) -> None:
    for name, (_, reason) in STUCK.items():
        start, added, removed = results[f"stuck {name}"]
        assert (added.code, added.errors, removed.code) == (0, "", 1)
        assert f"paack: {P} is still listed in " in removed.errors
        assert reason in removed.errors
        assert added.tree == removed.tree == start.tree


def test_what_is_no_path_of_a_store_is_refused(results: Outcomes) -> None:
    for number, path in enumerate(BAD_PATHS):
        start, added, removed = results[f"bad path {number}"]
        assert (added.code, removed.code) == (2, 2)
        assert f"not a path of a store: '{path}'" in added.errors
        assert added.tree == removed.tree == start.tree
