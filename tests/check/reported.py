"""RPMs to report on: layers whose sizes are known beforehand, images that say hostile things."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from paack.helpers.oci.layout import ImageSpec, Packing, write_image
from tests.support import oddities
from tests.support.oddities import LayerTar
from tests.support.product import Paack, definition_text, newer_erofs_utils

ARCHES = ("aarch64", "x86_64")
MIB = 1 << 20
HOSTILE = {
    "a.script": "<script>document.title='run'</script>",
    "b.attribute": "\"'><img src=x onerror=\"document.title='run'\">",
    "c.link": "javascript:document.title='run'",
    "d.data": "data:text/html,<script>alert(1)</script>",
    "e.bidi": "photo\u202egpj.exe\u2066\u200b",
    "f.control": "\x1b]0;run\x07\x1b[2Jbell\x07",
    "g.long": "x" * 10_000,
    "h.template": "{{ 7 * 191 }}{% raw %}",
    "i.user": "https://good.example@bad.example/",
    "<b>j</b>\u202e": "name",
    "org.opencontainers.image.source": "https://github.com/acme/app?a=1&b=2",
    "z.comment": "--></style></details><iframe src=//bad.example>",
}
CONFIG = {
    "User": "<u>1001</u>",
    "Entrypoint": ["/bin/app", "--flag=<script>document.title='run'</script>"],
    "Cmd": ["two words"],
    "Labels": HOSTILE,
}
MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
      - {name: web, image: "localhost/web:1"}
      - {name: other, image: "localhost/missing:1"}
"""


def noise(seed: int, size: int) -> bytes:
    """Return bytes that nothing can compress."""
    return random.Random(seed).randbytes(size)


def single(name: str, content: bytes) -> bytes:
    """Return a layer with one file."""
    layer = LayerTar()
    layer.add(name, content)
    return layer.close()


def several() -> bytes:
    """Return a layer with a hard link, an empty file, zeros, and a file and a tail of noise."""
    layer = LayerTar()
    layer.directory("d")
    layer.add("d/noise", noise(3, 300_000))
    layer.hard_link("d/again", "d/noise")
    layer.add("d/empty", b"")
    layer.add("d/zeros", bytes(500_000))
    layer.add("d/text", b"text\n" * 1000)
    return layer.close()


#: The layers of each image, by name. "base" is in two images, and "web"'s second layer in "alone"
#: again, on another base: the same blob, but another layer.
BASE, OWN, TWICE, MANY = single("base", noise(1, MIB)), single("own", noise(2, 2 * MIB)), \
    single("twice", noise(4, MIB)), several()  # fmt: skip
IMAGES = {"web:1": [BASE, TWICE], "db:1": [BASE, OWN], "alone:1": [TWICE], "many:1": [MANY]}


@dataclass
class Reported:
    """The program, and the RPMs of two definitions that it built."""

    paack: Paack
    layout: Path
    squashfs: list[Path] = field(default_factory=list)
    erofs: list[Path] = field(default_factory=list)

    def report(self, *arguments: str, check: bool = True) -> tuple[int, str, str]:
        """Run ``paack report``; return status, stdout, stderr."""
        output = ["--output", str(self.paack.output)]
        done = self.paack.call("report", *arguments, *output, check=check)
        return done.returncode, done.stdout, done.stderr

    def page(self, name: str) -> Path:
        """Return the page of a build."""
        return self.paack.output / "reports" / f"{name}.html"


def build(home: Path) -> Reported:
    """Build the RPMs below ``home``."""
    paack = Paack(home, environment=dict(newer_erofs_utils(home / "bin")))
    made = Reported(paack, home / "layout")
    for name, layers in IMAGES.items():
        config = CONFIG if name == "web:1" else {}
        images = [ImageSpec(arch, layers, config, Packing.GZIP) for arch in ARCHES]
        write_image(made.layout, f"localhost/{name}", images)
    files = [ImageSpec(arch, [oddities.files(), oddities.lower()]) for arch in ARCHES]
    write_image(made.layout, "localhost/files:1", files)
    (home / "manifests").mkdir()
    (home / "manifests" / "web.yaml").write_text(MANIFEST)
    (home / "manifests" / "broken.yaml").write_text("a: [")
    sources = [f"oci:{made.layout}:localhost/{name}" for name in (*IMAGES, "files:1")]
    more = {"manifests": "./manifests", "manifestPath": "/usr/lib/app/manifests"}
    text = definition_text("app", sources, arches=ARCHES, summary="'<b>bold</b> & more'", **more)
    made.squashfs = sorted(paack.build(paack.define(text), "--no-check"))
    text = definition_text("eapp", sources, arches=("x86_64",), filesystem="erofs")
    made.erofs = paack.build(paack.define(text, "eapp.yaml"))
    return made
