"""What an update downloads after a rebuilt base: two states of a Debian release, two workloads.

    python3 -m bench.rebuilt_base [--suites bookworm,trixie] [--output DIR]

The old state is the last point release of a suite, the new one has all updates until today. Bytes
are those of the files that a web server sent to dnf 4, dnf 5 and ostree, with all metadata.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.layers import machine_arch
from bench.paack import Build
from bench.registry import Blob, Blobs, StaticRegistry
from bench.workload import Workload
from tests.support import debian_sid
from tests.support.apt import POCKETS, bootstrap
from tests.support.cache import cached
from tests.support.commands import run
from tests.support.dnf import Dnf
from tests.support.host import Host
from tests.support.tiny_rpm import build_spec
from tests.support.web_server import WebServer

BASE = ("base-files", "bash", "ca-certificates", "coreutils", "curl", "perl", "tar")
WORKLOADS: Mapping[str, tuple[str, ...]] = {"web": ("nginx",), "db": ("postgresql", "python3")}
STATES: Mapping[str, tuple[str, ...]] = {"old": POCKETS[:1], "new": POCKETS}
WAYS = ("packed", "shared", "bundled")
GOAL, OF_STORE = 1.3, 0.01
_WINDOW = ("-B", f"{512 << 20}")  # bytes of the old file that a delta may refer to
#: What rpm wants of a device; there is none, so no scriptlet runs.
_DEVICE = """\
Name: device
Version: 1
Release: 1
Summary: What a device has
License: MIT
Provides: /bin/sh podman device-mapper
%description
None
%files
"""


@dataclass(frozen=True)
class State:
    """The layers of each workload's image, the base first."""

    stacks: Mapping[str, list[Blob]]
    contents: Mapping[bytes, bytes]


def tree(suite: str, state: str, packages: tuple[str, ...]) -> Path:
    """Return a Debian root as a tar, made once a day at the most."""

    def make(path: Path) -> None:
        arch, pockets = machine_arch(), STATES[state]
        bootstrap(
            path, packages, variant="essential", architecture=arch, suite=suite, pockets=pockets
        )

    words = hashlib.sha256(" ".join((suite, state, *packages)).encode()).hexdigest()[:12]
    return cached(f"rebuilt-{words}.tar", make)


def layer_over(base: Path | None, whole: Path) -> bytes:
    """Return what a tar has that another has not, or has otherwise, as a layer."""
    below = dict(_members(base)) if base else {}
    out, added, seen = io.BytesIO(), set[str](), set[str]()
    with (
        tarfile.open(whole) as source,
        tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for member, facts in zip(source, (facts for _, facts in _members(whole)), strict=True):
            seen.add(member.name)
            if member.isdev() or below.get(member.name) == facts:
                continue
            added.add(member.name)
            content = source.extractfile(member) if member.isreg() or member.islnk() else None
            if member.islnk() and member.linkname not in added:
                member.type, member.size = tarfile.REGTYPE, source.getmember(member.linkname).size
            tar.addfile(member, content if member.isreg() else None)
        for gone in sorted(below.keys() - seen):
            directory, _, name = gone.rpartition("/")
            if directory not in below.keys() - seen:
                tar.addfile(tarfile.TarInfo(f"{directory}/.wh.{name}"))
    return out.getvalue()


def _members(path: Path) -> Iterator[tuple[str, tuple[object, ...]]]:
    with tarfile.open(path) as tar:
        for each in tar:
            content = tar.extractfile(each) if each.isreg() else None
            digest = hashlib.sha256(content.read()).digest() if content else b""
            yield (
                each.name,
                (each.type, each.mode, each.uid, each.gid, int(each.mtime), each.linkname, digest),
            )


def state_of(blobs: Blobs, suite: str, name: str) -> State:
    """Make the layers of a state."""
    base = tree(suite, name, BASE)
    tars = {"": layer_over(None, base)}
    tars |= {
        each: layer_over(base, tree(suite, name, BASE + more)) for each, more in WORKLOADS.items()
    }
    layers = {each: blobs.layer(tar, fast=True) for each, tar in tars.items()}
    stacks = {f"{each}-0": [layers[""], layers[each]] for each in WORKLOADS}
    contents: dict[bytes, bytes] = {}
    for tar in tars.values():
        with tarfile.open(fileobj=io.BytesIO(tar)) as source:
            for member in source:
                content = source.extractfile(member).read() if member.isreg() else b""  # type: ignore[union-attr]
                contents.setdefault(hashlib.sha256(content).digest(), content)
    return State(stacks, contents)


def floor(home: Path, old: State, new: State) -> int:
    """Return the size of the contents that only the new state has, as mksquashfs packs them."""
    directory = home / "floor"
    directory.mkdir()
    for number, (digest, content) in enumerate(new.contents.items()):
        if digest not in old.contents:
            (directory / f"{number:06}").write_bytes(content)
    image = home / "floor.squashfs"
    zstd = ["-comp", "zstd", "-Xcompression-level", "9", "-b", "256K"]
    run(["mksquashfs", str(directory), str(image), "-quiet", "-no-progress", "-all-root", *zstd])
    shutil.rmtree(directory)
    return image.stat().st_size


class Devices:
    """A repository on the web, and devices with dnf 4, dnf 5 and ostree."""

    def __init__(self, home: Path, web: WebServer, root: Path, sid: Host) -> None:
        self._home, self._web, self._root = home, web, root
        self._repo = home / "repo"
        self._repo.mkdir(parents=True)
        spec = home / "device"
        (spec / "build").mkdir(parents=True)
        (device,) = build_spec(_DEVICE, "x86_64", spec, spec / "build")
        shutil.copy(device, self._repo)
        url = f"{web.url}/{self._repo.relative_to(root)}"
        text = f"[t]\nname=t\nbaseurl={url}\ngpgcheck=0\n"
        self._clients = {
            "dnf 4": Dnf(home / "dnf4", text),
            "dnf 5": Dnf(home / "dnf5", text, host=sid, program="dnf5"),
        }
        self._names: list[str] = []

    def publish(self, build: Build) -> None:
        """Add the RPMs to the repository."""
        for rpm in build.rpms():
            shutil.copy(rpm, self._repo)
        run(["createrepo_c", "--quiet", "--update", str(self._repo)])

    def update(self, *words: str) -> dict[str, int]:
        """Run dnf on each device, and pull what the first has by ostree; return the bytes sent."""
        found = {}
        for name, client in self._clients.items():
            before = len(self._web.requests)
            client.run(*words, "--setopt=tsflags=noscripts")
            found[name] = self._sent(before)
        found["ostree"] = self._pull(self._clients["dnf 4"].root)
        return found

    def _sent(self, before: int) -> int:
        asked = [path for path, status in self._web.requests[before:] if status == 200]
        return sum((self._root / path.lstrip("/")).stat().st_size for path in asked)

    def _pull(self, root: Path) -> int:
        server, client = (self._home / name for name in ("ostree-server", "ostree-client"))
        if not server.exists():
            _ostree(server, "init", "--mode=archive")
            _ostree(client, "init", "--mode=bare-user")
            url = f"{self._web.url}/{server.relative_to(self._root)}"
            _ostree(client, "remote", "add", "--no-gpg-verify", "os", url)
        # Without rpm's database, which an OS image has anew with each build.
        options = ("--branch=os", "--canonical-permissions", "--no-xattrs")
        _ostree(server, "commit", *options, f"--tree=dir={root / 'usr'}")
        _ostree(server, "summary", "--update")
        before = len(self._web.requests)
        _ostree(client, "pull", "os", "os")
        return self._sent(before)


def _ostree(repo: Path, *words: str) -> None:
    run(["ostree", *words, f"--repo={repo}"])


def xdelta(home: Path, old: list[Path], new: list[Path]) -> str:
    """Return what deltas of the RPMs take: bytes; seconds and memory to make, and to apply."""
    size, figures = 0, []
    for one, other in zip(old, new, strict=True):
        delta = home / "delta"
        run(["xdelta3", *_WINDOW, "-9", "-f", "-e", "-s", str(one), str(other), str(delta)])
        size += delta.stat().st_size
        steps = (
            ["-9", "-f", "-e", "-s", one, other, delta],
            ["-f", "-d", "-s", one, delta, home / "whole"],
        )
        for step in steps:
            said = run(
                ["/usr/bin/time", "-f", "%e %M", "xdelta3", *_WINDOW, *map(str, step)]
            ).stderr.split()
            figures.append((float(said[-2]), int(said[-1]) // 1000))
    made, applied = figures[::2], figures[1::2]
    times = (
        f"{sum(t for t, _ in some):.1f} s, {max(m for _, m in some)} MB" for some in (made, applied)
    )
    return f"{_mb(size)}; made in {next(times)}; applied in {next(times)}"


def rows(home: Path, suite: str, sid: Host, web: WebServer, root: Path) -> Iterator[str]:
    """Yield the table of a suite."""
    blobs = Blobs(home / "blobs")
    states = {name: state_of(blobs, suite, name) for name in STATES}
    least = floor(home, states["old"], states["new"])
    kept: dict[str, dict[str, list[Path]]] = {}
    for way in WAYS:
        with StaticRegistry(blobs) as registry:
            stacks = states["old"].stacks
            layers = tuple({one.digest: one for stack in stacks.values() for one in stack}.values())
            packages = tuple((image,) for image in stacks)
            build = Build(
                home / way, Workload(suite, blobs, packages, layers, stacks), registry, layers=way
            )
            devices = Devices(home / f"devices-{way}", web, root, sid)
            found: dict[str, dict[str, int]] = {}
            for version, (name, state) in enumerate(states.items(), 1):
                for image, stack in state.stacks.items():
                    blobs.image(image, stack)
                build.release(str(version))
                build.lock_again()
                build.warm()
                devices.publish(build)
                words = (
                    ("upgrade",)
                    if found
                    else ("install", *(f"bench-{n}" for n in range(len(packages))))
                )
                found[name] = devices.update(*words)
                copies = _new(home / "rpms" / way / name)
                for rpm in build.rpms():
                    if f"-{version}-1." in rpm.name:
                        shutil.copy(rpm, copies)
                kept.setdefault(way, {})[name] = sorted(copies.iterdir())
            yield (
                f"| {suite}, `{way}` | {_mb(found['old']['dnf 4'])} | "
                + " | ".join(_mb(each) for each in found["new"].values())
                + " |"
            )
    store = sum(rpm.stat().st_size for rpm in kept["bundled"]["new"])
    goal = GOAL * least + OF_STORE * store
    delta = xdelta(home, kept["bundled"]["old"], kept["bundled"]["new"])
    yield f"| {suite}, xdelta3 of `bundled` | | {delta} | | |"
    yield f"| {suite}, floor; goal | | {_mb(least)}; {_mb(goal)} | | |"


def _new(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _mb(size: float) -> str:
    return f"{size / 1e6:.2f} MB"


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suites", default="bookworm,trixie")
    parser.add_argument("--output", type=Path, default=Path("_output"))
    options = parser.parse_args()
    root = options.output.resolve() / "bench" / "rebuilt"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    print("| | first installation | update: dnf 4 | dnf 5 | ostree |")
    print("| --- | --- | --- | --- | --- |")
    with WebServer(root) as web, Host(debian_sid.root(), shared=[root]) as sid:
        for suite in options.suites.split(","):
            for row in rows(_new(root / suite), suite, sid, web, root):
                print(row, flush=True)
    shutil.rmtree(root)


if __name__ == "__main__":
    main()
