"""Packs: with an index they are the store that is made without them; damaged ones are refused."""

from __future__ import annotations

import hashlib
import json
import random
import struct
from array import array
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import zstandard

from paack.helpers.blobs.blob import digest_of
from paack.helpers.blobs.cache import Cache
from paack.helpers.errors import BuildError, VerificationError
from paack.helpers.oci.chain import stored_layers
from paack.helpers.oci.locked import LockedImage
from paack.helpers.progress import Reporter
from paack.helpers.squashfs.layout import ALIGNMENT, DATA_PLAIN, NOTHING_32
from paack.helpers.store.block_file import CONTENT, FRAGMENT, write_end
from paack.helpers.store.image import image_maker
from paack.helpers.store.image_reader import read_image
from paack.helpers.store.pack import Pack, open_pack
from paack.helpers.store.pack_area import join
from paack.helpers.store.pack_proof import check_contents
from paack.helpers.store.squashfs_store import BLOCK_SIZE, SquashfsStore
from paack.helpers.store.table import differences
from tests.support import oddities
from tests.support.oddities import LayerTar
from tests.unit.images import layer_of, mounted, noise, put_image, read_by_sqfs2tar, squashfs_of

#: All that the kernel says of the files in a directory, in one line.
SUM = (
    "tar --sort=name --format=pax --numeric-owner --xattrs --xattrs-include='*' -cf - . | sha256sum"
)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def store(cache: Cache) -> SquashfsStore:
    return SquashfsStore(cache, Reporter(), image_maker("squashfs").recipe)


def opened(path: Path) -> Pack:
    return open_pack(path, digest_of(path.read_bytes()))


def packed(cache: Cache, images: Sequence[LockedImage], contents: set[bytes], target: Path) -> Path:
    store(cache).pack(target, images, contents)
    return target


def joined(cache: Cache, images: Sequence[LockedImage], packs: Sequence[Path], home: Path) -> Path:
    """Make the index of ``images`` over packs; return the squashfs that all of these are."""
    home.mkdir(exist_ok=True)
    with ExitStack() as stack:
        files = [stack.enter_context(closing(opened(path))) for path in packs]
        store(cache).make(home / "index", images, stored_layers(images), files)
        join(home / "image", home / "index", files)
    return home / "image"


def test_the_store_is_the_one_without_packs(cache: Cache, tmp_path: Path) -> None:
    """To sqfs2tar, to our reader and to the kernel, wherever the contents are."""
    layers = [make() for name, make in oddities.ALL.items() if name != "acl"]
    layers.append(layer_of({"large": noise("large", 2 * BLOCK_SIZE + 5), "small": b"small"}))
    images = [put_image(cache, "app:1", layers), put_image(cache, "app:2", layers[1:])]
    draw = random.Random(1)
    where = {identity: draw.randrange(4) for identity in store(cache).weights(images)}
    parts: list[set[bytes]] = [{one for one in where if where[one] == n} for n in range(3)]
    parts[2] |= set(draw.sample(sorted(parts[0]), len(parts[0]) // 2))  # in two packs
    packs = [packed(cache, images, part, tmp_path / f"{n}") for n, part in enumerate(parts)]
    image = joined(cache, images, packs, tmp_path)
    sizes = [path.stat().st_size for path in (tmp_path / "index", *packs)]
    assert image.stat().st_size == sum(sizes)
    assert all(size % ALIGNMENT == 0 for size in sizes)
    plain = squashfs_of(images, cache, tmp_path / "plain")
    expected = read_by_sqfs2tar(plain)
    assert len(expected.rows) > 100
    assert list(differences(expected, read_by_sqfs2tar(image))) == []
    assert list(differences(expected, read_image(image, "squashfs"))) == []
    assert mounted(image, SUM) == mounted(plain, SUM)


def test_an_update_is_what_is_new(cache: Cache, tmp_path: Path) -> None:
    """Neither a new time, nor another name, nor what was beside it, sends a content again."""
    files = {f"d{n % 9}/{n}": noise(f"{n}", 500 + n * 37 % 9_000) for n in range(300)}
    files["large"] = noise("large", 3 * BLOCK_SIZE + 5)
    new = {"d4/4": noise("changed", 7_000), "more": noise("more", BLOCK_SIZE + 1)}
    kept = {f"x/{name}": content for name, content in files.items() if name not in new}
    later = LayerTar()
    for name, content in (kept | new).items():
        later.add(name, content, mtime=1_700_000_000)
    old, updated = (
        put_image(cache, "app:1", [layer_of(files)]),
        put_image(cache, "app:1", [later.close()]),
    )
    first = set(store(cache).weights([old]))
    fresh = set(store(cache).weights([updated])) - first
    assert len(fresh) == len(new) + 1  # and the tar-split
    packs = [packed(cache, [old], first, tmp_path / "old")]
    packs.append(packed(cache, [updated], fresh, tmp_path / "new"))
    image = joined(cache, [updated], packs, tmp_path)
    changed = sum(map(len, new.values()))
    download = packs[1].stat().st_size + (tmp_path / "index").stat().st_size
    # Noise is not compressed; the rest is tar-split and tables, in whole 4 KiB.
    assert changed < download < changed + 60_000
    expected = read_by_sqfs2tar(squashfs_of([updated], cache, tmp_path / "plain"))
    assert list(differences(expected, read_by_sqfs2tar(image))) == []


def test_a_pack_is_made_again_from_what_a_lock_says(cache: Cache, tmp_path: Path) -> None:
    """Its layers alone, and which of their contents it has: the same bytes."""
    layers = [layer_of({f"{n}/{m}": noise(f"{n}{m}", 900) for m in range(20)}) for n in range(3)]
    layers.append(layer_of({"again": noise("05", 900), "new": noise("new", 900)}))
    images = [put_image(cache, "app:1", layers)]
    locked = {each.locked.digest: each.locked for each in stored_layers(images)}
    draw, everything = random.Random(2), sorted(store(cache).weights(images))
    for count in (1, 5, len(everything) - 1, len(everything)):
        wanted = set(draw.sample(everything, count))
        blobs, bits = store(cache).pack(tmp_path / "pack", images, wanted)
        store(cache).pack_again(tmp_path / "again", [locked[each] for each in blobs], bits)
        assert (tmp_path / "again").read_bytes() == (tmp_path / "pack").read_bytes()
        with closing(opened(tmp_path / "pack")) as pack:
            assert set(pack.numbers) == wanted
        # Nothing is said that is not needed.
        assert (bits == b"") == (count == len(everything))
        assert len(blobs) <= count
    # What a lock says may be anything.
    for bits in (b"\0", b"\xff" * 99):
        store(cache).pack_again(tmp_path / "any", [locked[each] for each in blobs], bits)
        opened(tmp_path / "any").close()


def test_the_same_bytes_in_another_cache(cache: Cache, tmp_path: Path) -> None:
    made = []
    for each in (cache, Cache(tmp_path / "other")):
        images = [put_image(each, "app:1", [oddities.files(), oddities.lower()])]
        home = each.root.with_suffix(".home")
        home.mkdir()
        contents = set(list(store(each).weights(images))[::2])
        joined(each, images, [packed(each, images, contents, home / "pack")], home)
        made.append([(home / name).read_bytes() for name in ("pack", "index", "image")])
    assert made[0] == made[1]


def test_without_a_pack_the_rest_is_no_store(cache: Cache, tmp_path: Path) -> None:
    """When a piece is missing, or in another place, the image is damaged or holds less."""
    images = [put_image(cache, "app:1", [layer_of({"a": noise("a", 9_000), "b": b"b" * 500})])]
    contents = sorted(store(cache).weights(images))
    packs = [packed(cache, images, {one}, tmp_path / f"{n}") for n, one in enumerate(contents)]
    good = read_image(joined(cache, images, packs, tmp_path), "squashfs")
    for others in (packs[1:], packs[::-1]):
        with ExitStack() as stack:
            files = [stack.enter_context(closing(opened(path))) for path in others]
            join(tmp_path / "image", tmp_path / "index", files)
        try:
            found = read_image(tmp_path / "image", "squashfs")
        except ValueError:
            continue
        assert list(differences(good, found))


@dataclass
class Parts:
    """What a pack is made of; ``made`` puts it together with the right SHA-256."""

    blocks: bytearray
    contents: list[list[Any]]
    words: array[int]
    fragments: list[list[int]]
    head: dict[str, Any]
    raw: dict[str, bytes] = field(default_factory=dict)

    def made(self, target: Path) -> None:
        sections = {
            "contents": b"".join(CONTENT.pack(*each) for each in self.contents),
            "words": self.words.tobytes(),
            "fragments": b"".join(FRAGMENT.pack(*each) for each in self.fragments),
        } | self.raw
        with target.open("wb") as out:
            out.write(self.blocks)
            sha256 = hashlib.sha256(self.blocks)
            write_end(out, sha256, len(self.blocks), Pack.form, sections, self.head)


def parts_of(pack: Pack) -> Parts:
    return Parts(
        bytearray(pack.read(0, pack.data_size)),
        [list(content) for content in pack.contents()],
        pack.words(),
        [list(fragment) for fragment in pack.fragments()],
        {"block_size": pack.block_size},
    )


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack: content 0 is a tail alone, 1 has blocks, a hole and a tail."""
    home = tmp_path_factory.mktemp("pack")
    cache = Cache(home / "cache")
    large = noise("1", BLOCK_SIZE) + bytes(BLOCK_SIZE) + noise("2", BLOCK_SIZE + 9)
    images = [put_image(cache, "app:1", [layer_of({"0": noise("0", 5_000), "1": large})])]
    return packed(cache, images, set(store(cache).weights(images)), home / "sound")


def set_content(number: int, place: int, value: object) -> Callable[[Parts], object]:
    return lambda parts: parts.contents[number].__setitem__(place, value)


#: What is wrong with a pack whose SHA-256 is right, and what is said of it.
LIES: dict[str, tuple[Callable[[Parts], object], str]] = {
    "no block size": (lambda parts: parts.head.clear(), "block_size"),
    "more in the head": (lambda parts: parts.head.update(more=1), "more"),
    "block size 3": (lambda parts: parts.head.update(block_size=3), "block size 3"),
    "block size 5000": (lambda parts: parts.head.update(block_size=5000), "block size 5000"),
    "block size 2 MiB": (lambda parts: parts.head.update(block_size=2 << 20), "block size"),
    "a text as block size": (lambda parts: parts.head.update(block_size="4096"), "block size"),
    "another block size": (lambda parts: parts.head.update(block_size=4096), "a fragment block"),
    "a content twice": (lambda parts: parts.contents.append(parts.contents[0]), "comes twice"),
    "half a content": (lambda parts: parts.raw.update(contents=b"c" * 7), "multiple of 72"),
    "a large size": (set_content(1, 1, 1 << 60), "than its size tells"),
    "no blocks": (set_content(1, 7, 0), "than its size tells"),
    "other blocks": (set_content(1, 6, 1), "than its size tells"),
    "blocks outside": (set_content(1, 2, 1 << 40), "not in the file"),
    "blocks at the end": (lambda parts: set_content(1, 2, len(parts.blocks))(parts), "not in the"),
    "no hole": (set_content(1, 3, 0), "other holes"),
    "no such fragment block": (set_content(0, 4, 7), "no fragment block"),
    "no fragment block": (set_content(0, 4, NOTHING_32), "no fragment block"),
    "beyond the fragment block": (set_content(0, 5, BLOCK_SIZE - 10), "no fragment block"),
    "words left": (lambda parts: parts.words.append(9), "more blocks"),
    "words missing": (lambda parts: parts.words.pop(), "no size"),
    "half a word": (lambda parts: parts.raw.update(words=b"w" * 7), "multiple of item size"),
    "a huge block": (lambda parts: parts.words.__setitem__(0, BLOCK_SIZE + 1), "no size"),
    "a block with more bits": (lambda parts: parts.words.__setitem__(0, 1 << 25), "no size"),
    "a fragment block outside": (lambda parts: parts.fragments.append([1 << 40, 9]), "not in the"),
    "an empty fragment block": (lambda parts: parts.fragments.append([0, DATA_PLAIN]), "not in"),
    "a huge fragment block": (lambda parts: parts.fragments.append([0, BLOCK_SIZE + 1]), "not in"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_pack_that_lies_is_refused(sound: Path, tmp_path: Path, lie: str) -> None:
    with closing(opened(sound)) as pack:
        parts = parts_of(pack)
    target = tmp_path / "pack"
    parts.made(target)
    assert target.read_bytes() == sound.read_bytes()
    change, said = LIES[lie]
    change(parts)
    parts.made(target)
    with pytest.raises(VerificationError, match=said) as caught:
        opened(target)
    assert caught.value.hint
    assert str(target) in str(caught.value)


def swap(parts: Parts) -> None:
    first, second = parts.contents[0][0], parts.contents[1][0]
    parts.contents[0][0], parts.contents[1][0] = second, first


def put_block(parts: Parts, raw: bytes, plain: bool) -> None:
    """Let the first block of content 1 be another: at the end of the blocks."""
    content = parts.contents[1]
    content[2] = len(parts.blocks)
    kept = bytes(parts.blocks)
    parts.words[content[6]] = len(raw) | (DATA_PLAIN if plain else 0)
    start = sum(word & ~DATA_PLAIN for word in parts.words[content[6] + 1 : content[6] + 3])
    parts.blocks += raw + kept[:start]
    parts.blocks += bytes(-len(parts.blocks) % ALIGNMENT)


#: What only the contents themselves tell, and what is said of it.
OTHERS: dict[str, tuple[Callable[[Parts], object], str]] = {
    "another byte": (lambda parts: parts.blocks.__setitem__(9, parts.blocks[9] ^ 1), "is "),
    "the contents of another": (swap, "is "),
    "an identity of nothing": (set_content(0, 0, bytes(32)), "content 0000"),
    "another tail": (set_content(0, 5, 1), "is "),
    "a short block": (lambda parts: put_block(parts, b"short", True), "block 0 of "),
    "a block of zeros": (lambda parts: put_block(parts, bytes(BLOCK_SIZE), True), "block 0 of "),
    "a frame of nothing": (
        lambda parts: put_block(parts, zstandard.compress(b""), False),
        "block 0 of ",
    ),
    "a skippable frame": (
        lambda parts: put_block(parts, struct.pack("<II", 0x184D2A50, 4) + b"skip", False),
        "",
    ),
    "no frame": (lambda parts: put_block(parts, b"none", False), ""),
    "a bomb": (lambda parts: put_block(parts, bomb(), False), "a block of 1099511627776 bytes"),
}


@pytest.mark.parametrize("change", OTHERS)
def test_a_pack_with_other_contents_is_refused(sound: Path, tmp_path: Path, change: str) -> None:
    """Though all of its parts fit together, and its SHA-256 is right."""
    with closing(opened(sound)) as pack:
        check_contents(pack)
        parts = parts_of(pack)
    how, said = OTHERS[change]
    how(parts)
    parts.made(tmp_path / "pack")
    with closing(opened(tmp_path / "pack")) as pack:
        with pytest.raises(VerificationError, match=f"is not what it says: .*{said}") as caught:
            check_contents(pack)
        assert caught.value.hint


def test_what_packs_say_of_odd_files_is_right(cache: Cache, tmp_path: Path) -> None:
    layers = [make() for name, make in oddities.ALL.items() if name != "acl"]
    layers.append(layer_of({"large": noise("large", 2 * BLOCK_SIZE), "holes": bytes(9 << 20)}))
    images = [put_image(cache, "app:1", layers)]
    target = packed(cache, images, set(store(cache).weights(images)), tmp_path / "pack")
    with closing(opened(target)) as pack:
        check_contents(pack)


def bomb() -> bytes:
    """Return a zstd frame that says it has 1 TiB."""
    return struct.pack("<IBQ", zstandard.MAGIC_NUMBER, 0xE0, 1 << 40) + b"\1\0\0"


def split_end(content: bytes) -> tuple[bytes, dict[str, Any]]:
    """Return what comes before the head of a pack, and the head."""
    (length,) = struct.unpack_from("<I", content, len(content) - 44)
    return content[: -44 - length], json.loads(content[-44 - length : -44])


def signed(body: bytes, head: object) -> bytes:
    """Put a head and a trailer behind the sections; the SHA-256 is right."""
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    text = text.ljust(len(text) - (len(body) + len(text) + 44) % -ALIGNMENT)
    body += text
    return body + struct.pack("<I32s8s", len(text), hashlib.sha256(body).digest(), b"paackPck")


def with_section(content: bytes, first: bytes) -> bytes:
    """Put something else in the place of the first section."""
    body, head = split_end(content)
    size = head["sections"][0]
    start = len(body) - sum(head["sections"])
    return signed(body[:start] + first.ljust(size, b"\0")[:size] + body[start + size :], head)


def with_sizes(content: bytes, sizes: object) -> bytes:
    """Say something else of the sections' sizes."""
    body, head = split_end(content)
    return signed(body, head | {"sections": sizes})


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "a trailer's start": lambda content: content[:20],
    "cut off": lambda content: content[:-1],
    "cut to whole 4 KiB": lambda content: content[:-ALIGNMENT],
    "longer": lambda content: content + bytes(ALIGNMENT),
    "another block": lambda content: b"?" + content[1:],
    "another section": lambda content: content[:-200] + b"?" + content[-199:],
    "another SHA-256": lambda content: content[:-20] + b"?" + content[-19:],
    "another magic": lambda content: content[:-8] + b"paackLyr",
    "zeros": lambda content: bytes(len(content)),
    "no zstd": lambda content: with_section(content, b"no zstd"),
    "1 TiB": lambda content: with_section(content, bomb()),
    "no JSON": lambda content: signed(split_end(content)[0], b"{"),
    "another JSON": lambda content: signed(split_end(content)[0], [1]),
    "a deep head": lambda content: signed(split_end(content)[0], b"[" * 100_000),
    "two sections": lambda content: with_sizes(content, [9, 9]),
    "huge sections": lambda content: with_sizes(content, [1 << 80, 9, 9]),
    "sections before the file": lambda content: with_sizes(content, [len(content) // 2] * 3),
    "sections of less than nothing": lambda content: with_sizes(content, [-9, 9, 9]),
    "sections of text": lambda content: with_sizes(content, ["9", "9", "9"]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_pack_is_refused(sound: Path, tmp_path: Path, damage: str) -> None:
    target = tmp_path / "pack"
    target.write_bytes(DAMAGES[damage](sound.read_bytes()))
    with pytest.raises(VerificationError, match="cannot be used") as caught:
        opened(target)
    assert caught.value.hint


def test_another_pack_is_refused(sound: Path) -> None:
    wanted = digest_of(b"another")
    with pytest.raises(VerificationError, match=f"another pack: .*, not {wanted}"):
        open_pack(sound, wanted)


def test_packs_of_other_blocks_are_not_joined(sound: Path, cache: Cache, tmp_path: Path) -> None:
    with closing(opened(sound)) as pack:
        parts = parts_of(pack)
    parts.head["block_size"] = BLOCK_SIZE // 2
    parts.contents, parts.words = parts.contents[:1], array("I")
    parts.made(tmp_path / "pack")
    images = [put_image(cache, "app:1", [layer_of({"a": b"a"})])]
    with pytest.raises(BuildError, match=f"blocks of {BLOCK_SIZE // 2} bytes"):
        joined(cache, images, [tmp_path / "pack"], tmp_path)
