"""Values that podman's real generators take for something else, and check warns of."""

from __future__ import annotations

from pathlib import Path

from paack.helpers.quadlet import misread_values, read_units
from paack.helpers.quadlet.kinds import KINDS, keys_of
from paack.helpers.quadlet.misread import BOOLEANS
from paack.helpers.quadlet.unit_file import TRUE
from tests.check.generators import Generator

_NEEDED = {
    "Container": "Image=quay.io/me/a:1\n",
    "Kube": "Yaml=a.yaml\n",
    "Image": "Image=quay.io/me/a:1\n",
    "Build": "ImageTag=a\nFile=/a\n",
    "Artifact": "Artifact=a\n",
    "Network": "Subnet=10.0.0.0/8\n",
}
#: What these have to look like to get through.
_VALUES = {"Mount": "type=bind,src=/a,dst=/b", "Volume": "/a:/b", "Pod": "web.pod"}
#: Refused by their own rules, the name of an image in a .build unit, and what 5.8 alone passes on.
_OTHERS = ("ExposeHostPort", "ImageTag", "File", "RemapUsers", "SetWorkingDirectory", "HostName")


def test_quotes(real: Generator, tmp_path: Path) -> None:
    """Of all keys, those whose quotes reach podman are those that are told."""
    for suffix, kind in KINDS.items():
        if kind.since <= real.version:
            for key, since in keys_of(kind.group).items():
                if since <= real.version and key not in _OTHERS:
                    text = f"[{kind.group}]\n{_NEEDED.get(kind.group, '')}"
                    value = _VALUES.get(key, "QQ")
                    (tmp_path / f"{key}{suffix}").write_text(f'{text}{key}="{value}"\n')
    (tmp_path / "web.pod").write_text("[Pod]\n")
    said = real.run(tmp_path)
    tree = read_units([tmp_path], str(tmp_path))
    told = {unit.name for unit in tree.units if list(misread_values(unit))}
    told = {each for each in told if each.partition(".")[0] not in BOOLEANS.split()}
    kept = {
        unit.name
        for unit in tree.units
        for line in said.services.get(unit.service, "").split("\n")
        if line.startswith("Exec") and '\\"' in line
    }
    assert len(kept) > 20
    assert kept == told


def test_booleans(real: Generator, tmp_path: Path) -> None:
    """What is no word of podman's is no, and what is one is not told."""
    words = ("1", "Yes", "true", "on", "0", "no", "false", "off", "y", "t", "n", "f", "enabled")
    for word in words:
        text = f"[Container]\nImage=quay.io/me/a:1\nReadOnly={word}\n"
        (tmp_path / f"{word}.container").write_text(text)
    said = real.run(tmp_path)
    tree = read_units([tmp_path], str(tmp_path))
    services = {unit.name.partition(".")[0]: said.services[unit.service] for unit in tree.units}
    yes = {word for word, text in services.items() if "--read-only " in text}
    assert yes == {word for word in words if word.lower() in TRUE}
    told = {unit.name.partition(".")[0] for unit in tree.units if list(misread_values(unit))}
    assert told == set(words[8:])
