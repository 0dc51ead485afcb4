"""Shapes of storage.conf, and what an added or removed store makes of them."""

import re
import tomllib
from dataclasses import dataclass
from typing import Any

P = "/usr/lib/container-images/p"
Q = "/usr/share/q+1_2.3/store"
MARK = "# added by paack"
#: The lines that are added when there is no list, and no table for it.
KEY = f'additionalimagestores = ["{P}"] {MARK}'
TABLE = f"[storage.options] {MARK}"
#: What paack writes above a file that it makes.
HEADER = re.compile(
    rb"# paack made (?P<what>[^\n]*)\.\n"
    rb"# It goes with the last of paack's entries, [^\n]* \(cksum (?P<sum>\d+ \d+)\)\n"
)


def parsed(text: bytes) -> dict[str, Any]:
    """Return the values of a TOML text, with an empty list of stores where it has none."""
    values = tomllib.loads(text.decode(), parse_float=str)
    stores_of(values)
    return values


def stores_of(values: dict[str, Any]) -> list[Any]:
    """Return the list of stores in it, made when it is missing."""
    options = values.setdefault("storage", {}).setdefault("options", {})
    stores: list[Any] = options.setdefault("additionalimagestores", [])
    return stores


def with_stores(text: bytes, *stores: str) -> dict[str, Any]:
    """Return the values of the TOML text with `stores` at the end of its list."""
    values = parsed(text)
    stores_of(values).extend(stores)
    return values


@dataclass(frozen=True)
class Shape:
    """A storage.conf: adding `P` replaces `old`, which is there once, by `new`.

    Without `old`, `new` comes to the end. `vendor` tells that it is the one in /usr/share.
    """

    text: str
    old: str
    new: str
    vendor: bool = False

    @property
    def before(self) -> bytes:
        """The file as it is found."""
        return self.text.encode()

    @property
    def after(self) -> bytes:
        """The file with `P` in its list."""
        if not self.old:
            return f"{self.text}{self.new}".encode()
        assert self.text.count(self.old) == 1
        return self.text.replace(self.old, self.new).encode()


def appended(text: str, *, vendor: bool = False) -> Shape:
    """Return a shape that gets a table at its end."""
    return Shape(text, "", f"{TABLE}\n{KEY}\n", vendor=vendor)


RHEL_9 = """\
# This file is read by all tools that use containers/storage.
[storage]

# Default storage driver
driver = "overlay"
runroot = "/run/containers/storage"
# Priority list of drivers
# driver_priority = ["overlay", "btrfs"]
graphroot = "/var/lib/containers/storage"

# rootless_storage_path = "$HOME/.local/share/containers/storage"

[storage.options]
# Storage options to be passed to underlying storage drivers

# Must be comma separated list.
additionalimagestores = [
]

# pull_options = {enable_partial_images = "false", use_hard_links = "false", ostree_repos=""}

# remap-uids = 0:1668442479:65536
# auto-userns-min-size=1024

[storage.options.overlay]
#ignore_chown_errors = "false"
#mount_program = "/usr/bin/fuse-overlayfs"
mountopt = "nodev,metacopy=on"
# "private": it is equivalent to 0700.
# force_mask = ""

[storage.options.thinpool]
# autoextend_percent = "20"
"""
RHEL_8 = RHEL_9.replace("# driver_priority", "#driver_priority").replace(
    "# pull_options", 'size = ""\n#pull_options'
)
RHEL_10 = RHEL_9.replace(
    "additionalimagestores = [\n]",
    'additionalimagestores = [\n"/usr/lib/containers/storage",\n]',
).replace(
    "[storage.options.thinpool]\n",
    '[storage.options.pull_options]\nenable_partial_images = "true"\n',
)
FEDORA = RHEL_10.replace(
    '[\n"/usr/lib/containers/storage",\n]', '[ "/usr/lib/containers/storage", ]'
)
DEBIAN = RHEL_9.replace("# pull_options", "pull_options")
COMMENTED = "".join(f"# {line}\n" for line in RHEL_9.splitlines())
#: What paack makes when there is no file.
DEFAULTS = """\
[storage]
driver = "overlay"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"

[storage.options]
additionalimagestores = [
]
"""
CONTENTS = '[storage]\ndriver = "overlay"\n'
OPTIONS = "[storage.options]\n"
#: Three strings: a"b""c] """ # , and ""<blank>"" and 'x]<newline>#
LONG_STRINGS = """\
~~~
a~b~~c] \\~~~ # \\
   , ~~~, ~~~~~ ~~~~~, ^^^^x]
#^^^""".replace("~", '"').replace("^", "'")


def listed(before: str, after: str) -> Shape:
    """Return a shape whose list is `before`, and `after` with `P`."""
    return Shape(f"{CONTENTS}{OPTIONS}additionalimagestores = {before}\nx = 1\n", before, after)


STOCK = {
    "rhel-8": Shape(RHEL_8, "stores = [\n]", f'stores = [\n  "{P}",\n]'),
    "rhel-9": Shape(RHEL_9, "stores = [\n]", f'stores = [\n  "{P}",\n]'),
    "rhel-10": Shape(RHEL_10, 'storage",\n]', f'storage",\n"{P}",\n]', vendor=True),
    "fedora": Shape(FEDORA, 'storage", ]', f'storage", "{P}", ]', vendor=True),
    "debian": Shape(DEBIAN, "stores = [\n]", f'stores = [\n  "{P}",\n]', vendor=True),
    "commented": appended(COMMENTED, vendor=True),
}
LISTS = {
    "empty": listed("[]", f'["{P}"]'),
    "empty-blank": listed("[ ]", f'[ "{P}" ]'),
    "empty-tabs": listed("[\t\t]", f'[ "{P}"\t\t]'),
    "empty-comments": listed('[ # "/a"]\n#]\n\t]', f'[ # "/a"]\n#]\n\t  "{P}",\n\t]'),
    "one-line": listed('["/a"]', f'["/a", "{P}"]'),
    "one-line-blanks": listed('[ "/a" , "/b" ]', f'[ "/a" , "/b", "{P}" ]'),
    "one-line-comma": listed('[ "/a", ]', f'[ "/a", "{P}", ]'),
    "one-line-comma-tight": listed('["/a",]', f'["/a", "{P}",]'),
    "comment-behind": listed('["/a"] # ["/b"]', f'["/a", "{P}"] # ["/b"]'),
    "lines": listed('[\n    "/a",\n    "/b"\n]', f'[\n    "/a",\n    "/b",\n    "{P}"\n]'),
    "lines-comma": listed('[\n\t"/a",\n\t"/b",\n]', f'[\n\t"/a",\n\t"/b",\n\t"{P}",\n]'),
    "comments-between": listed(
        '[ # a\n  # b, "x"\n  "/a" # c ]\n  # d\n  , # e\n  "/b" # f\n\n  # g\n  ]',
        f'[ # a\n  # b, "x"\n  "/a" # c ]\n  # d\n  , # e\n  "/b", # f\n\n  # g\n  "{P}"\n  ]',
    ),
    "first-in-the-row-of-the-bracket": listed('["/a",\n"/b"\n]', f'["/a",\n"/b",\n"{P}"\n]'),
    "all-but-one-bracket-in-a-row": listed('["/a", "/b",\n]', f'["/a", "/b",\n  "{P}",\n]'),
    "bracket-in-the-last-row": listed('[\n "/a",\n "/b"]', f'[\n "/a",\n "/b", "{P}"]'),
    "bracket-after-a-comma": listed('[\n "/a"\n ,]', f'[\n "/a"\n , "{P}",]'),
    "commas-first": listed('[\n "/a"\n ,"/b"\n]', f'[\n "/a"\n ,"/b",\n  "{P}"\n]'),
    "single-quotes": listed("['/a', '/b']", f"['/a', '/b', \"{P}\"]"),
    "odd-strings": listed(
        r"""['a]#"\', "b]', \" #\\", 'ä ✓', "\u00e4]\t"]""",
        r"""['a]#"\', "b]', \" #\\", 'ä ✓', "\u00e4]\t", """ + f'"{P}"]',
    ),
    "long-strings": listed(f"[{LONG_STRINGS}]", f'[{LONG_STRINGS}, "{P}"]'),
    "carriage-returns": Shape(
        "[storage.options]\r\nadditionalimagestores = [ # x\r\n\t'/a'\r\n]\r\n",
        "'/a'\r\n]",
        f"'/a',\r\n\t\"{P}\"\r\n]",
    ),
}
_IN_TABLE = f"{OPTIONS}{KEY}\n"
NO_LIST = {
    "empty-file": appended(""),
    "comments-only": appended("# [storage.options]\n\n#additionalimagestores = []\n"),
    "no-table": appended(CONTENTS),
    "no-final-newline": Shape(
        '[storage]\ndriver = "overlay"', '"overlay"', f'"overlay"\n{TABLE}\n{KEY}'
    ),
    "blanks-at-the-end": Shape(CONTENTS + " ", 'overlay"\n ', f'overlay"\n \n{TABLE}\n{KEY}'),
    "table-below-it": appended(CONTENTS + '[storage.options.overlay]\nmountopt = "nodev"\n'),
    "dotted-storage": appended('storage.driver = "overlay"\n[storage.options.overlay]\n'),
    "inline-storage-elsewhere": appended("[other]\nstorage = { options = {} }\n"),
    "array-of-tables": appended("[[other]]\n[[other.storage]]\noptions = 1\n[[other]]\n"),
    "values": appended(
        "[v]\na = [1_0, -2.5e-3, +inf, nan, 0xdead_beef, 0o17, 0b1, true, [[], {}]]\n"
        "b = 1979-05-27 07:32:00.5Z\nc = 1979-05-27T07:32:00-07:00\nd = 07:32:00\n"
        "e = { a.b = 1, 'c d' = {}, \"\\u0065\" = [1,\n2] } # }\nf = 1979-05-27 # x\n"
        '"" = """x""" # "\n\'_\' = \'\'\'\n[storage.options]\'\'\'\nk."l.m".n = false\n'
    ),
    "table": Shape(CONTENTS + OPTIONS + "size = '1'\n", OPTIONS, _IN_TABLE),
    "table-with-a-comment": Shape(
        "\t[ storage . 'options' ] # x\n\tsize = '1'\n[a]\n",
        "] # x\n",
        f"] # x\n{KEY}\n",
    ),
    "table-at-the-end": Shape(
        CONTENTS + "[storage.options]", "[storage.options]", f"[storage.options]\n{KEY}"
    ),
    "commented-out": Shape(
        RHEL_9.replace("additional", "# additional").replace("\n]", "\n# ]"), OPTIONS, _IN_TABLE
    ),
    "listed-in-a-comment": Shape(
        f'{CONTENTS}{OPTIONS}# additionalimagestores = ["{P}"]\n', OPTIONS, _IN_TABLE
    ),
    "listed-elsewhere": Shape(
        f'additionalimagestores = ["{P}"]\n[storage]\nadditionalimagestores = ["{P}"]\n{OPTIONS}',
        OPTIONS,
        _IN_TABLE,
    ),
    "dotted": Shape(
        "[storage]\n  options.size = '1'\n  options.overlay.mountopt = 'nodev'\n",
        "  options.size",
        f"options.{KEY}\n  options.size",
    ),
    "dotted-twice": Shape(
        "storage.driver = 'overlay'\n\"storage\" . options.size = '1'\n[other]\n",
        '"storage"',
        f'"storage" . options.{KEY}\n"storage"',
    ),
    "carriage-returns": Shape(
        "[storage]\r\n[storage.options]\r\n", "options]\r\n", f"options]\r\n{KEY}\r\n"
    ),
    "carriage-returns-no-table": Shape("[storage]\r\n", "]\r\n", f"]\r\n{TABLE}\r\n{KEY}\r\n"),
    "carriage-returns-no-final-newline": Shape(
        "# x\r\n[storage]", "[storage]", f"[storage]\r\n{TABLE}\r\n{KEY}"
    ),
}
OTHER_FORMS = {
    "dotted-list": Shape('[storage]\noptions.additionalimagestores = ["/a"]\n', '"]', f'", "{P}"]'),
    "dotted-list-in-the-root": Shape(
        "storage.options.additionalimagestores = [\n]\n[other]\n", "[\n]", f'[\n  "{P}",\n]'
    ),
    "inline": Shape(
        '[storage]\noptions = { additionalimagestores = [ "/a" ], size = "]" }\n',
        '"/a"',
        f'"/a", "{P}"',
    ),
    "inline-twice": Shape(
        "storage = {driver='overlay', options.additionalimagestores=[\n]}\n",
        "[\n]",
        f'[\n  "{P}",\n]',
    ),
    "quoted-keys": Shape(
        '["storage".\'options\']\n"\\u0061dditionalimagestores" = []\n', "= []", f'= ["{P}"]'
    ),
    "overlay2": Shape(
        '[storage]\ndriver = "overlay2"\n[storage.options]\nadditionalimagestores = []\n',
        "[]",
        f'["{P}"]',
    ),
}
SHAPES = {
    **{f"stock-{name}": shape for name, shape in STOCK.items()},
    **{f"list-{name}": shape for name, shape in LISTS.items()},
    **{f"no-list-{name}": shape for name, shape in NO_LIST.items()},
    **OTHER_FORMS,
}
