"""Shapes of storage.conf that are left alone, and why: a part of the message."""

from tests.device.storage_confs import CONTENTS, OPTIONS

_LIST = f"{CONTENTS}{OPTIONS}additionalimagestores = "
#: Not TOML: tomllib refuses them, too.
BROKEN: dict[str, tuple[bytes, str]] = {
    "list-not-closed": (f'{_LIST}["/a"\n'.encode(), "line 5: an array is not closed"),
    "table-not-closed": (b"[storage\n", "line 1: ] is missing"),
    "array-of-tables-not-closed": (b"[[storage]\n", "line 1: ] is missing"),
    "string-not-closed": (b'[storage]\ndriver = "overlay\n', "line 2: a string is not closed"),
    "long-string-not-closed": (b'a = """\n"" \\"""', "line 2: a string is not closed"),
    "string-closed-twice": (b'a = """x""""""\n', "line 1: something follows"),
    "long-string-as-a-key": (b'"""a""" = 1\n', "line 1: = is missing"),
    "escape": (b'a = "\\q"\n', "line 1: an escape that there is not"),
    "surrogate": (b'a = "\\ud800"\n', "line 1: a character that there is not"),
    "beyond-unicode": (b'a = "\\U00110000"\n', "line 1: a character that there is not"),
    "no-value": (b"a =\n", "line 1: a value is missing"),
    "no-such-value": (b"a = yes\n", "line 1: a value that there is not"),
    "octal": (b"a = 010\n", "line 1: a value that there is not"),
    "no-key": (b"= 1\n", "line 1: a key is missing"),
    "no-equals-sign": (b"[storage]\ndriver overlay\n", "line 2: = is missing"),
    "two-on-a-line": (b"a = 1 b = 2\n", "line 1: something follows"),
    "no-comma": (f'{_LIST}["/a" "/b"]\n'.encode(), "line 4: a comma is missing"),
    "two-commas": (f'{_LIST}["/a",,]\n'.encode(), "line 4: a value is missing"),
    "inline-table-not-closed": (b"a = { b = 1\n}\n", "line 1: a brace is missing"),
    "inline-table-with-a-last-comma": (b"a = { b = 1, }\n", "line 1: a key is missing"),
    "byte-order-mark": (b"\xef\xbb\xbf[storage]\n", "line 1: a key is missing"),
    "latin-1": (b"[storage] # \xe4\n", "line 1: it is not UTF-8"),
    "overlong": (b"[storage] # \xc0\xaf\n", "line 1: it is not UTF-8"),
    "cut-off-character": (b"[storage] # \xe2\x9c\n", "line 1: it is not UTF-8"),
    "nul": (b"[storage] # \0\n", "control characters"),
    "escape-character": (b"[storage] # \x1b[0m\n", "control characters"),
    "old-mac": (b"[storage]\rdriver = 'overlay'\n", "line 1: a carriage return"),
    "list-twice": (f"{_LIST}[]\nadditionalimagestores = []\n".encode(), "line 5: additional"),
    "table-twice": (f"{_LIST}[]\n{OPTIONS}".encode(), "line 5: storage.options comes twice"),
    "dotted-and-table": (f"[storage]\noptions.size = 1\n{OPTIONS}".encode(), "comes twice"),
    "inline-and-table": (f"[storage]\noptions = {{}}\n{OPTIONS}".encode(), "comes twice"),
    "inline-and-dotted": (b"[storage]\noptions = {}\noptions.size = 1\n", "comes twice"),
    "inline-and-below": (b"storage = {}\n[storage.options.overlay]\n", "storage comes twice"),
}
#: TOML, but nothing that a store could be added to.
UNUSABLE: dict[str, tuple[bytes, str]] = {
    "inline-without-list": (b"[storage]\noptions = { size = '1' }\n", "line 2: an inline table"),
    "inline-root-without-list": (b"storage = { driver = 'overlay' }\n", "line 1: an inline table"),
    "list-is-a-string": (f'{_LIST}"/a"\n'.encode(), "line 4: additionalimagestores is not a list"),
    "list-is-a-table": (b"[storage.options.additionalimagestores]\n", "is not a list"),
    "list-is-above": (b"[storage.options]\nadditionalimagestores.a = 1\n", "is not a list"),
    "list-with-a-table": (
        f'{_LIST}["/a", {{append=true}}]\n'.encode(),
        "line 4: additionalimagestores has a table in it",
    ),
    "options-are-a-string": (b"[storage]\noptions = ''\n", "storage.options is not a table"),
    "options-are-an-array": (b"[[storage.options]]\n", "storage.options is an array of tables"),
    "storage-is-an-array": (b"[[storage]]\n[storage.options]\n", "storage is an array of tables"),
    "driver-vfs": (f"[storage]\ndriver = 'vfs'\n{OPTIONS}".encode(), "line 2: the driver is vfs"),
    "two-cases": (
        b"[storage.options]\nadditionalimagestores = []\nAdditionalImageStores = []\n",
        "line 3: additionalimagestores comes twice",
    ),
}
