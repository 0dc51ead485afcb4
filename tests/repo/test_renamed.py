"""Packages with a new name, by the rules of dnf 4, dnf 5, and the library of rpm-ostree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.repo.conftest import NewDnf, NewPublisher
from tests.repo.publisher import Publisher
from tests.support.commands import run

OLD, NEW = ("old 1.0",), ("new 2.0 old<2.0", "part-a 2.0 split<2", "part-b 2.0 split<2")
#: As rpm-ostree's dnf_context_install: by name, else by what is provided; what a package obsoletes
#: does not count. Prints what is installed for each request on a system with nothing.
_LIBDNF = """\
import hawkey, json, sys
directory, *names = sys.argv[1:]
sack = hawkey.Sack(arch="x86_64", make_cache_dir=True, cachedir=directory + "/cache")
repo = hawkey.Repo("repo")
from glob import glob
data = directory + "/repodata/"
repo.repomd_fn = data + "repomd.xml"
repo.primary_fn = glob(data + "*primary.xml*")[0]
repo.filelists_fn = glob(data + "*filelists.xml*")[0]
sack.load_repo(repo, load_filelists=True)
found = {}
for name in names:
    goal = hawkey.Goal(sack)
    selector = hawkey.Subject(name).get_best_selector(sack, obsoletes=False)
    if not selector.matches():
        found[name] = None
        continue
    goal.install(select=selector)
    assert goal.run(), name
    found[name] = sorted(map(str, goal.list_installs()))
print(json.dumps(found))
"""


def build(mine: Publisher, *packages: str) -> None:
    """Build packages of manifests, each ``NAME VERSION [OBSOLETED]``."""
    manifests = mine.home / "manifests"
    manifests.mkdir(exist_ok=True)
    (manifests / "kustomization.yaml").write_text("resources: []\n")
    text = "packages:\n"
    for package in packages:
        name, version, *obsoleted = package.split()
        text += (
            f"- name: {name}\n  version: '{version}'\n  arches: [x86_64]\n  manifests: manifests\n"
            f"  manifestPath: /usr/lib/microshift/manifests.d/{name}\n"
        )
        for each in obsoleted:
            text += f"  obsoletes: [{each.replace('<', ' < ')}]\n"
    mine.paack.build(mine.paack.define(text))


def nevras(*packages: str) -> list[str]:
    return [f"{package.replace(' ', '-')}-1.noarch" for package in packages]


@pytest.mark.parametrize("kind", ["dnf", "dnf5"])
def test_an_update_takes_the_new_name(
    base: Path, publisher: NewPublisher, client: NewDnf, kind: str
) -> None:
    repository = base / kind
    mine = publisher()
    build(mine, "old 1.0", "split 1.0")
    mine.publish(repository)
    repo = (repository / "paack.repo").read_text()
    there = client(repo, kind)
    there.run("install", "old", "split")
    build(mine, *NEW)
    mine.publish(repository)
    # The old ones are still in the repository.
    there.run("upgrade")
    assert there.installed() == nevras("new 2.0", "part-a 2.0", "part-b 2.0")
    there.run("upgrade")
    assert there.installed() == nevras("new 2.0", "part-a 2.0", "part-b 2.0")
    # Whoever asks for the old name gets the new package, too.
    fresh = client(repo, kind)
    asked = fresh.run("install", "old", check=False)
    print(asked.stdout, asked.stderr)
    assert fresh.installed() == nevras("new 2.0")
    # A version that is not obsoleted is another package.
    build(mine, "old 2.1")
    mine.publish(repository)
    there.run("install", "old-2.1")
    assert there.installed() == nevras("new 2.0", "old 2.1", "part-a 2.0", "part-b 2.0")


def test_what_rpm_ostree_layers(publisher: NewPublisher) -> None:
    """rpm-ostree itself cannot be had here: its library, called as it does."""
    mine = publisher()
    build(mine, "old 1.0", *NEW)
    run(["createrepo_c", "--quiet", "--compress-type=gz", str(mine.output)])
    command = ["/usr/bin/python3", "-c", _LIBDNF, str(mine.output)]
    found = json.loads(run([*command, "old", "new", "split"]).stdout)
    assert found == {"old": nevras("old 1.0"), "new": nevras("new 2.0"), "split": None}
