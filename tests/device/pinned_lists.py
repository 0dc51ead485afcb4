"""Shapes of CRI-O's configuration: what other files than paack's pin."""

from collections.abc import Mapping
from typing import Final

_STOCK: Final = """# The "crio" table contains all of the server options.
[crio]
# root = "/home/user/.local/share/containers/storage"
storage_driver = "overlay"
version_file = "/var/run/crio/version"

[crio.api]
stream_port = "0"

[crio.runtime]
default_env = [
    "NSS_SDB_USE_CACHE=no", # a comment with ] and "
]
[crio.runtime.runtimes.crun]
allowed_annotations = ["io.containers.trace-syscall",]
[crio.runtime.workloads.management]
resources = { "cpushares" = 0, "cpuset" = "0-1" }

# The crio.image table contains settings pertaining to the management of OCI images.
[crio.image]
default_transport = "docker://"
pause_image = "registry.example/pause:3.9"
# pinned_images = [
# "not/this:1",
# ]
"""
#: Name -> the files (below /etc/crio), whose last list counts.
FILES: Final[Mapping[str, Mapping[str, str]]] = {
    "none": {},
    "stock": {"crio.conf": _STOCK},
    "stock-and-list": {"crio.conf": f'{_STOCK}pinned_images = ["a.example/x:1"]\n'},
    "lines": {
        "crio.conf.d/10-x.conf": '[crio.image]\npinned_images = [\n  "a.example/x:1", # one\n'
        "  # 'no.example/y:1',\n  'b.example/*'\n  ,\n]\n"
    },
    "replaced": {
        "crio.conf": '[crio.image]\npinned_images = ["a.example/x:1", "a.example/y:1"]\n',
        "crio.conf.d/20-x.conf": '[crio.image]\npinned_images = ["b.example/*"]\n',
        "crio.conf.d/30-x.conf": "[crio.image]\nsignature_policy = ''\n",
    },
    "emptied": {
        "crio.conf.d/10-x.conf": '[crio.image]\npinned_images = ["a.example/x:1"]\n',
        "crio.conf.d/20-x.conf": "[crio.image]\npinned_images = []\n",
    },
    "any-suffix": {
        "crio.conf.d/10-x.conf.rpmsave": '[crio.image]\npinned_images = ["a.example/x:1"]\n',
        "crio.conf.d/.hidden": '[crio.image]\npinned_images = ["b.example/x:1"]\n',
    },
    "other-tables": {
        "crio.conf.d/10-x.conf": 'pinned_images = ["a.example/x:1"]\n[crio]\n'
        'pinned_images = ["b.example/x:1"]\n[crio.runtime]\npinned_images = ["c.example/x:1"]\n'
    },
    "dotted": {"crio.conf.d/10-x.conf": '[crio]\nimage.pinned_images = ["a.example/x:1"]\n'},
    "blanks": {
        "crio.conf.d/10-x.conf": '  [ crio . "image" ]\n\t"pinned_images"\t=\t[ "a.example/x:1" ]\n'
    },
    "no-newline": {
        "crio.conf.d/10-x.conf": '[crio.image]\npinned_images = ["a.example/x:1"]',
        "crio.conf.d/20-x.conf": "[crio.runtime]\nlog_level = 'info'",
    },
    "crlf": {
        "crio.conf.d/10-x.conf": '[crio.image]\r\npinned_images = [\r\n"a.example/x:1",\r\n]\r\n'
    },
    "strings": {
        "crio.conf.d/10-x.conf": '[crio.image]\npause_command = "a \\" # [ = "\n'
        'pause_image = \'[crio.image]\'\ntext = """\n[crio.image]\npinned_images = [\'z\']\n"""\n'
        "more = '''\npinned_images = ['y']\n'''\npinned_images = [\"a.example/x:1\"]\n"
    },
    "ours-too": {
        "crio.conf.d/10-x.conf": "[crio.image]\n"
        'pinned_images = ["z.example/x:1", "own.example/a:1"]\n'
    },
}
