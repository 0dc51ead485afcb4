"""A copy of a store's records whose one image is another: with another name, or a broken config."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Config = dict[str, Any]


def copy_records(
    store: Path,
    target: Path,
    names: Callable[[str], str],
    change: Callable[[Config], None] | None = None,
) -> None:
    """Write the records of the images in ``store`` to ``target``, under other ``names``.

    With ``change`` of the configs, which are the images' IDs, the images are others, too.
    """
    images = json.loads((store / "overlay-images/images.json").read_bytes())
    for image in images:
        image["names"] = [names(name) for name in image["names"]]
        _copy_image(store, target, image, change)
    for kind in ("images", "layers"):
        directory = target / f"overlay-{kind}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{kind}.lock").write_text(hashlib.sha256(str(target).encode()).hexdigest())
    layers = (store / "overlay-layers/layers.json").read_bytes()
    (target / "overlay-layers/layers.json").write_bytes(layers)
    (target / "overlay-images/images.json").write_text(json.dumps(images))


def _copy_image(
    store: Path, target: Path, image: dict[str, Any], change: Callable[[Config], None] | None
) -> None:
    home = store / "overlay-images" / image["id"]
    data = {name: (home / _file(name)).read_bytes() for name in image["big-data-names"]}
    if change:
        _change_config(image, data, change)
    made = target / "overlay-images" / image["id"]
    made.mkdir(parents=True)
    for name, content in data.items():
        (made / _file(name)).write_bytes(content)
    image["big-data-names"] = list(data)
    image["big-data-sizes"] = {name: len(content) for name, content in data.items()}
    image["big-data-digests"] = {name: _digest(content) for name, content in data.items()}


def _change_config(
    image: dict[str, Any], data: dict[str, bytes], change: Callable[[Config], None]
) -> None:
    old = f"sha256:{image['id']}"
    config = json.loads(data.pop(old))
    change(config)
    content = json.dumps(config).encode()
    new = _digest(content)
    data[new] = content
    manifest = json.loads(data["manifest"])
    if "config" not in manifest:  # a list: the manifest is beside it
        manifest = _manifest_of(data, old)
    for name in [name for name in data if name.startswith("manifest")]:
        del data[name]
    manifest["config"] |= {"digest": new, "size": len(content)}
    text = json.dumps(manifest).encode()
    data["manifest"] = data[f"manifest-{_digest(text)}"] = text
    image |= {"id": new.removeprefix("sha256:"), "digest": _digest(text)}
    image["names"] = [name for name in image["names"] if "@" not in name]


def _manifest_of(data: Mapping[str, bytes], config: str) -> dict[str, Any]:
    for name, content in data.items():
        if name.startswith("manifest-"):
            document: dict[str, Any] = json.loads(content)
            if document.get("config", {}).get("digest") == config:
                return document
    raise ValueError(f"no manifest has the config {config}")


def _file(name: str) -> str:
    """Return the name of a file of big data, as containers/storage makes it."""
    if all(char in ".0123456789abcdefghijklmnopqrstuvwxyz" for char in name):
        return name
    return "=" + base64.b64encode(name.encode()).decode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
