"""What locking an image of many layers costs, with a skopeo that renders no bars (1.18)."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

from paack.helpers.oci.layout import ImageSpec, Packing, write_image
from tests.support.oddities import LayerTar
from tests.support.product import Paack, definition_text, of_debian13
from tests.support.thorough import only_thorough

FEW, MANY = 100, 400


def layer(number: int) -> bytes:
    tar = LayerTar()
    tar.add(f"file-{number}", bytes(2000))
    return tar.close()


@only_thorough
def test_locking_is_linear_and_cheaper_than_building(tmp_path: Path) -> None:
    layers = list(map(layer, range(MANY)))
    locking, building = {}, {}
    for count in (FEW, MANY):
        home = tmp_path / f"{count}"
        home.mkdir()
        paack = Paack(home, environment=dict(of_debian13("skopeo", tmp_path / "bin")))
        layout = home / "layout"
        spec = ImageSpec("x86_64", layers[:count], packing=Packing.GZIP)
        write_image(layout, "localhost/many:1", [spec])
        text = definition_text("many", [f"oci:{layout}:localhost/many:1"])
        definition = str(paack.define(text))
        locking[count] = cpu(paack, "lock", "--def", definition)
        building[count] = cpu(paack, "build", "--def", definition, "--output", str(paack.output))
    assert locking[MANY] < MANY / FEW * locking[FEW]
    assert locking[MANY] < building[MANY]


def cpu(paack: Paack, *arguments: str) -> float:
    """Run paack; return the seconds of CPU that it and its programs took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command, env = paack.command(*arguments)
    subprocess.run(command, env=env, cwd=paack.home, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
