"""The script that joins the pieces of a store over packs, up to device-mapper.

dmsetup is a stand-in: what it is given is written down, and read as device-mapper would, from real
loop devices. With device-mapper itself tests/vm/test_packs.py has it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from paack.helpers.blobs.cache import Cache
from paack.helpers.oci.chain import stored_layers
from paack.helpers.rpm.device_program import device_program
from paack.helpers.rpm.part_name import PACK_DIRECTORY
from paack.helpers.store.pack import Pack, open_pack
from paack.helpers.store.pack_area import join, piece_table
from tests.device.shells import DIAGONAL, Combination
from tests.support.host import Host
from tests.unit.images import layer_of, noise, put_image
from tests.unit.test_pack import opened, packed, store

PROGRAM = device_program()
JOIN = next(file for file in PROGRAM.files if file.path.endswith("/join"))
#: Loop devices are the machine's: other processes that run these tests have other files.
OWN = str(os.getpid())
PATH = f"/usr/lib/container-images/app-{OWN}"
LINK = Path("/run/paack-packs-app/device")
# Debian's busybox takes its own losetup whatever PATH says.
_LOSETUP = 'losetup() { /usr/sbin/losetup "$@"; }\n'
_DMSETUP = """\
#!/bin/sh
echo "$@" >>/run/calls
case $1 in
info) [ -e "/run/mapped/$2" ] ;;
--deferred) [ -e /run/in-use ] || rm "/run/mapped/$3" ;;
--readonly)
    [ ! -e /run/refuse ] || { echo refused >&2; exit 1; }
    while read -r at count linear device start; do
        [ "$linear $at" = "linear $((next))" ] || exit 1
        next=$((at + count))
        dd if="$device" bs=512 skip="$start" count="$count" 2>/dev/null
    done >/run/joined
    mkdir -p /run/mapped
    : >"/run/mapped/$3"
    ;;
esac
"""


@dataclass
class Joined:
    """A host with a store over packs, the paths of these, and the image that all of it is."""

    host: Host
    packs: Sequence[str]
    image: bytes

    def join(self, combination: Combination = DIAGONAL[0]) -> list[str]:
        """Run the script; return what it said, or nothing when all went well."""
        command = combination.command(_LOSETUP + JOIN.content)
        done = self.host.run([*command, "join", "app", PATH], check=False)
        assert done.stdout == ""
        assert bool(done.returncode) == bool(done.stderr)
        loops = self.host.run(["losetup", "--list", "--noheadings", "--output=BACK-FILE"]).stdout
        assert not [file for file in (f"{PATH}.index", *self.packs) if file in loops]
        return done.stderr.splitlines()

    def read(self, path: str) -> bytes:
        return self.host.outside(Path(path)).read_bytes()

    def write(self, path: str, content: bytes) -> None:
        self.host.outside(Path(path)).write_bytes(content)


@dataclass
class Pieces:
    """A store over three packs, in files by their names on a device."""

    home: Path
    files: dict[str, Path]
    table: bytes


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Pieces:
    home = tmp_path_factory.mktemp("pieces")
    cache = Cache(home / "cache")
    layer = layer_of({f"{n}": noise(f"{OWN} {n}", 3_000 + n) for n in range(40)})
    images = [put_image(cache, "app:1", [layer])]
    contents = sorted(store(cache).weights(images))
    files, names = {f"{PATH}.index": home / "index"}, list[str]()
    with ExitStack() as stack:
        packs = list[Pack]()
        for number in range(3):
            path = packed(cache, images, set(contents[number::4]), home / f"{number}")
            packs.append(stack.enter_context(closing(opened(path))))
            names.append(f"{PACK_DIRECTORY}/{packs[-1].digest.removeprefix('sha256:')}")
            files[names[-1]] = path
        store(cache).make(home / "index", images, stored_layers(images), packs)
        join(home / "image", home / "index", packs)
        table = piece_table(home / "index", f"{PATH}.index", list(zip(names, packs, strict=True)))
    return Pieces(home, files, table)


@pytest.fixture
def joined(pieces: Pieces) -> Iterator[Joined]:
    with Host(Path("/"), shared=[pieces.home]) as host:
        for name, file in pieces.files.items():
            host.run(["install", "-D", str(file), name])
        host.run(["install", "-D", "/dev/stdin", "/usr/sbin/dmsetup"], stdin=_DMSETUP)
        host.run(["install", "/dev/stdin", f"{PATH}.packs"], stdin=pieces.table.decode())
        _, *packs = pieces.files
        yield Joined(host, packs, (pieces.home / "image").read_bytes())


@pytest.mark.parametrize("combination", DIAGONAL, ids=str)
def test_the_pieces_are_joined(joined: Joined, combination: Combination) -> None:
    assert joined.join(combination) == []
    assert joined.read("/run/joined") == joined.image
    assert joined.host.outside(LINK).readlink() == Path("/dev/mapper/paack-app-1")
    assert "--readonly create paack-app-1\n" in joined.read("/run/calls").decode()


def test_a_device_that_is_in_use_stays(joined: Joined) -> None:
    """Containers go on over an upgrade; the device of a join that was killed goes."""
    assert joined.join() == []
    joined.write("/run/in-use", b"")
    assert joined.join() == []
    assert joined.host.outside(LINK).readlink() == Path("/dev/mapper/paack-app-2")
    joined.host.outside(Path("/run/in-use")).unlink()
    assert joined.join() == []
    assert joined.host.outside(LINK).readlink() == Path("/dev/mapper/paack-app-1")


def cut(content: bytes) -> bytes:
    return content[:-4096]


def zeros(content: bytes) -> bytes:
    """Return what a power loss may leave of a file."""
    return bytes(len(content))


def flip(content: bytes) -> bytes:
    return content[:5000] + bytes([content[5000] ^ 1]) + content[5001:]


@pytest.mark.parametrize("combination", DIAGONAL, ids=str)
def test_what_is_wrong_is_said_of_each_file(joined: Joined, combination: Combination) -> None:
    one, two, three = joined.packs
    joined.host.run(["rm", one])
    for name, change in ((two, cut), (three, zeros), (f"{PATH}.index", flip)):
        joined.write(name, change(joined.read(name)))
    owners = ["container-pack-" + name.rpartition("/")[2][:24] for name in joined.packs]
    assert joined.join(combination) == [
        f"{PATH}.index of app is damaged: dnf reinstall app",
        f"{one} of {owners[0]} is missing: dnf reinstall {owners[0]}",
        f"{two} of {owners[1]} is damaged: dnf reinstall {owners[1]}",
        f"{three} of {owners[2]} is damaged: dnf reinstall {owners[2]}",
    ]
    assert not joined.host.outside(LINK).is_symlink()
    assert not joined.host.outside(Path("/run/calls")).exists()


def test_another_pack_under_its_name(joined: Joined) -> None:
    joined.write(joined.packs[0], joined.read(joined.packs[1]))
    (said,) = joined.join()
    assert said.startswith(f"{joined.packs[0]} of container-pack-")


def test_without_the_table(joined: Joined) -> None:
    joined.host.run(["rm", f"{PATH}.packs"])
    assert joined.join() == [f"{PATH}.packs of app is missing or damaged: dnf reinstall app"]


@pytest.mark.parametrize("table", [b"", b"\0" * 100, b"x\n", b"/etc/passwd 0 x y\n"], ids=range(4))
@pytest.mark.parametrize("combination", DIAGONAL, ids=str)
def test_a_table_that_is_none(joined: Joined, combination: Combination, table: bytes) -> None:
    joined.write(f"{PATH}.packs", table)
    assert joined.join(combination)
    assert not joined.host.outside(LINK).is_symlink()


def refuse(joined: Joined) -> None:
    joined.write("/run/refuse", b"")


def no_loop(joined: Joined) -> None:
    """Have the third loop device fail."""
    no = f'[ "$1" = --detach ] || [ "$4" != {joined.packs[1]} ] || {{ echo no >&2; exit 1; }}'
    script = f'#!/bin/sh\n{no}\nexec losetup.real "$@"\n'
    joined.host.run(["mv", "/usr/sbin/losetup", "/usr/sbin/losetup.real"])
    joined.host.run(["install", "/dev/stdin", "/usr/sbin/losetup"], stdin=script)


@pytest.mark.parametrize("spoil", [refuse, no_loop])
@pytest.mark.parametrize("combination", DIAGONAL, ids=str)
def test_no_loop_device_is_left(
    joined: Joined, combination: Combination, spoil: Callable[[Joined], None]
) -> None:
    """Joined.join looks for them."""
    spoil(joined)
    assert joined.join(combination) in (["refused"], ["no"])
    assert not joined.host.outside(LINK).is_symlink()


def test_a_join_that_is_killed_leaves_none(joined: Joined) -> None:
    """As systemd does it: with all that it started."""
    wait = "#!/bin/sh\n[ $1 != --readonly ] || { : >/run/waits; exec sleep 60; }\nexit 1\n"
    joined.host.run(["install", "/dev/stdin", "/usr/sbin/dmsetup"], stdin=wait)
    started = f"set -m; {JOIN.path} app {PATH} & until [ -e /run/waits ]; do :; done"
    killed = f"{started}; kill -- -$!; wait $!"
    joined.host.run(["install", "-D", "/dev/stdin", JOIN.path], stdin=JOIN.content)
    done = joined.host.run(["bash", "-c", killed], check=False)
    assert done.returncode == 1
    joined.host.run(["install", "/dev/stdin", "/usr/sbin/dmsetup"], stdin=_DMSETUP)
    assert joined.join() == []


def test_the_name_says_what_is_in_a_pack(pieces: Pieces) -> None:
    """So nothing but the file is needed to tell whether it is whole (doctor --deep)."""
    for name, file in list(pieces.files.items())[1:]:
        open_pack(file, f"sha256:{name.rpartition('/')[2]}").close()
