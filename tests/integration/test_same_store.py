"""The same lock gives the same store image on Debian 12, 13 and sid, with the Python of each."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from paack.helpers.blobs.cache import Cache
from tests.support import debian13, debian_sid, oddities
from tests.support.cache import cache_dir
from tests.support.debian import busybox_rootfs
from tests.support.host import Host
from tests.support.product import REPOSITORY
from tests.support.wheels import wheels
from tests.unit.images import put_image, squashfs_of

#: Makes the store of one image: its lock's record, the cache and the file to make are given.
PROGRAM = """
import json, sys
from pathlib import Path
from paack.helpers.lock.lock import LockedImage, LockedLayer
from paack.helpers.oci.chain import stored_layers
from paack.helpers.progress import Reporter
from paack.helpers.blobs.cache import Cache
from paack.helpers.store.image import image_maker, make_image
record, cache, target = sys.argv[1:]
fields = json.loads(record)
fields["layers"] = tuple(LockedLayer(**layer) for layer in fields["layers"])
image = LockedImage(**{**fields, "names": tuple(fields["names"])})
maker, layers = image_maker("squashfs"), stored_layers([image])
make_image(Path(target), maker, [image], layers, Cache(Path(cache)), Reporter())
"""


@pytest.mark.parametrize("system", ["debian13", "sid"])
def test_every_host_makes_the_same_store(tmp_path: Path, system: str) -> None:
    cache = Cache(tmp_path / "cache")
    layers = [make() for name, make in oddities.ALL.items() if name != "acl"]
    image = put_image(cache, "app:1", [busybox_rootfs("amd64").read_bytes(), *layers])
    expected = squashfs_of([image], cache, tmp_path / "here").read_bytes()
    for compiled in (cache.root / "layers").iterdir():
        compiled.unlink()
    root = {"debian13": debian13.root, "sid": debian_sid.root}[system]()
    target = tmp_path / system / "there"
    target.parent.mkdir()
    shared = [tmp_path, REPOSITORY, cache_dir()]
    with Host(root, shared=shared) as host:
        version = host.run(["python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
        path = f"{REPOSITORY}:{wheels(version.stdout.strip())}"
        arguments = [json.dumps(asdict(image)), str(cache.root), str(target)]
        env = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        host.run(["python3", "-c", PROGRAM, *arguments], env=env)
    found = hashlib.sha256(target.read_bytes()).hexdigest()
    assert found == hashlib.sha256(expected).hexdigest()
