"""Specifiers of systemd in units, and instances of templates, as check understands them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paack.helpers.check.check import check
from paack.helpers.quadlet import read_units, unit_images
from paack.helpers.quadlet.specifiers import expanded
from tests.check.generators import Generator
from tests.support.commands import run

_INSTANCES = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=40
)
_QUIET = "[Quadlet]\nDefaultDependencies=false\n"
#: What is said of an image, by the unit that names it: the image, or None where nobody can know.
IMAGES = {
    ("web.container", "web:1"): "web:1",
    ("web.container", "%N:1"): "web:1",
    ("a-web.container", "%j:1"): "web:1",
    ("a-web.container", "x%P:1"): "xa/web:1",
    ("web@1.container", "%p:%i"): "web:1",
    ("web@a-b.container", "%I:1"): "a/b:1",
    ("web.container", "%u-%U:1"): "root-0:1",
    ("web.container", "100%%:1"): None,
    ("web.container", "web:%H"): None,
    ("web.container", "web:%m"): None,
    ("web.container", "web:%a"): None,
    ("web.container", "web:%i"): None,
    ("web@.container", "web:%i"): None,
    ("web@.container", "%p:1"): "web:1",
}


def kinds(home: Path, *images: str) -> dict[str, list[str]]:
    """Check the units in ``home``/units against these images; return what is wrong, by kind."""
    named = ", ".join(f"quay.io/me/{each}" for each in images)
    file = home / "app.yaml"
    requires = "requires: [podman >= 5.8]\n"
    head = f"name: app\nversion: '1'\narches: [x86_64]\n{requires}"
    file.write_text(f"{head}images: [{named}]\nunits: [units]\n")
    found: dict[str, list[str]] = {}
    for each in check(file).findings:
        found.setdefault(each.kind, []).append(str(each))
    found.pop("lock")
    return found


@pytest.mark.parametrize(("unit", "text"), IMAGES)
def test_images(unit: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "units").mkdir()
    (tmp_path / "units" / unit).write_text(f"[Container]\nImage=quay.io/me/{text}\n{_QUIET}")
    image = IMAGES[unit, text]
    found = kinds(tmp_path, image or "other:1")
    assert found.keys() == (set() if image else {"name", "unused"})


@given(st.text())
def test_percent_signs(text: str) -> None:
    assert expanded(text.replace("%", "%%"), "web@1.service") == text


@given(st.lists(_INSTANCES, min_size=1, max_size=20))
@settings(max_examples=30)
def test_instances_are_unescaped(texts: list[str]) -> None:
    names = run(["systemd-escape", "--", *texts]).stdout.split()
    assert [expanded("%I", f"web@{name}.service") for name in names] == texts
    assert [expanded("%i", f"web@{name}.service") for name in names] == names


def test_an_image_of_a_unit_that_another_one_names(tmp_path: Path) -> None:
    """podman copies the text, so that %N is the container."""
    (tmp_path / "units").mkdir()
    files = {
        "web.container": f"[Container]\nImage=a.image\n{_QUIET}",
        "a.image": f"[Image]\nImage=quay.io/me/%N:1\nPolicy=never\n{_QUIET}",
    }
    for name, text in files.items():
        (tmp_path / "units" / name).write_text(text)
    assert kinds(tmp_path, "web:1", "a-image:1") == {}


def test_instances(real: Generator, tmp_path: Path) -> None:
    """Links to templates: podman makes their services, and check knows the images of each."""
    home = tmp_path / "units"
    home.mkdir()
    template = f"[Container]\nImage=quay.io/me/web:%i\n{_QUIET}[Install]\nWantedBy=a.target\n"
    (home / "web@.container").write_text(template)
    default = template.replace("web", "db").replace("a.target", "a.target\nDefaultInstance=4")
    (home / "db@.container").write_text(default)
    for instance in (1, 2):
        (home / f"web@{instance}.container").symlink_to("web@.container")
    said = real.run(home)
    tree = read_units([home], str(home)).check()
    assert said.services.keys() == {unit.service for unit in tree.units}
    names = {f"quay.io/me/{each}" for each in ("web:1", "web:2", "db:4")}
    assert {each.use.image for each in unit_images(tree, str(home))} == names
    assert kinds(tmp_path, "web:1", "db:4").keys() == {"missing"}
    assert kinds(tmp_path, "web:1", "web:2", "db:4") == {}
