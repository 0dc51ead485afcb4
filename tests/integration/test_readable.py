"""What podman cannot read is refused, and nothing else: one such image hides all of a host's.

podman pulls each image through its API, lists all images, and forgets it: some hundredths of a
second. paack takes what all of them take; where they differ, the case says which takes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paack.helpers.blobs.blob import digest_of
from paack.helpers.errors import RegistryError
from paack.helpers.oci import manifest as oci
from tests.support.hostile_registry import HostileRegistry
from tests.support.podman import ALL_KINDS, Kind, Podman
from tests.support.podman_service import PodmanService
from tests.support.product import Paack, definition_text, store_image, unpack_rpm

NEWEST: frozenset[Kind] = frozenset({"sid"})
OLDEST: frozenset[Kind] = frozenset({"debian12"})
PLAIN = (
    b'"architecture":"amd64","os":"linux","created":"2024-05-06T07:08:09Z",'
    b'"config":{"Cmd":["sh"],"Labels":{"a":"b"}},"rootfs":{"type":"layers","diff_ids":[]}'
)


@dataclass(frozen=True)
class Hosts:
    """Hosts with every podman, and the registry that they pull from."""

    registry: HostileRegistry
    podmans: Mapping[Kind, Podman]
    services: Mapping[Kind, PodmanService]

    def put(
        self, config: bytes, more: Mapping[str, Any] | None = None, *, docker: bool = False
    ) -> str:
        """Put an image without layers into the registry, and return its name.

        Its manifest has ``more``; ``descriptor`` is for that of its config.
        """
        rest = dict(more or {})
        media_type = oci.DOCKER_MANIFEST if docker else oci.OCI_MANIFEST
        manifest = {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": {
                "mediaType": oci.DOCKER_CONFIG if docker else oci.OCI_CONFIG,
                "digest": self._blob(config),
                "size": len(config),
                **rest.pop("descriptor", {}),
            },
            "layers": [],
            **rest,
        }
        return f"{self.registry.host}/odd@{self._blob(json.dumps(manifest).encode())}"

    def takers(self, config: bytes, *, docker: bool = False) -> frozenset[Kind]:
        """Return the hosts whose podman pulls such an image, and lists it."""
        return self.takers_of(self.put(config, docker=docker), config)

    def takers_of(self, image: str, config: bytes) -> frozenset[Kind]:
        """Return the hosts whose podman pulls the image with this config, and lists it."""
        identifier = digest_of(config).removeprefix("sha256:")
        with ThreadPoolExecutor() as pool:
            wrong = pool.map(lambda each: each.why_not(image, identifier), self.services.values())
            return frozenset(
                kind for kind, why in zip(self.services, wrong, strict=True) if not why
            )

    def _blob(self, content: bytes) -> str:
        digest = digest_of(content)
        path = self.registry.layout / "blobs" / "sha256" / digest.removeprefix("sha256:")
        path.write_bytes(content)
        return digest


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("readable")


@pytest.fixture(scope="module")
def hosts(base: Path) -> Iterator[Hosts]:
    (base / "layout" / "blobs" / "sha256").mkdir(parents=True)
    with ExitStack() as stack:
        registry = stack.enter_context(HostileRegistry(base / "layout"))
        podmans = {kind: stack.enter_context(Podman(kind, base)) for kind in ALL_KINDS}
        services = {
            kind: stack.enter_context(PodmanService(podman, base))
            for kind, podman in podmans.items()
        }
        yield Hosts(registry, podmans, services)


def paack_takes(config: bytes) -> bool:
    try:
        oci.parse_config(config)
    except RegistryError as error:
        assert "its config " in error.message
        assert error.hint
        return False
    return True


@dataclass(frozen=True)
class Refused:
    """A part of a config, what paack says of it, and which podmans may take it all the same."""

    part: str
    said: str
    takers: frozenset[Kind] = frozenset()


REFUSED = {
    "no time": Refused('"created":""', 'created is "" and not a time'),
    "a number as time": Refused('"created":1714979289', "created is 1714979289 and not a time"),
    "a date": Refused('"created":"2024-05-06"', 'created is "2024-05-06" and not a time'),
    "a day too many": Refused('"created":"2023-02-29T00:00:00Z"', "created is"),
    "a year too many": Refused('"created":"10000-01-01T00:00:00Z"', "created is"),
    "a time in history": Refused('"history":[{},{"created":""}]', "history[1].created is"),
    "an hour too many": Refused('"created":"2024-05-06T07:08:09+24:00"', "created is", OLDEST),
    "a zone out of range": Refused(
        '"history":[{"created":"2024-05-06T07:08:09+25:00"}]', "history[0].created is", OLDEST
    ),
    "a time in escapes": Refused(r'"created":"2024-05-06T07\u003a08:09Z"', "created is", NEWEST),
    "Cmd": Refused('"config":{"Cmd":"sh"}', 'config.Cmd is "sh" and not a list of strings'),
    "Entrypoint": Refused('"config":{"Entrypoint":"sh"}', "config.Entrypoint is"),
    "Env": Refused('"config":{"Env":{"A":"b"}}', "config.Env is an object and not a list of str"),
    "OnBuild": Refused('"config":{"OnBuild":"RUN a"}', "config.OnBuild is"),
    "a number in Shell": Refused('"config":{"Shell":[1]}', "config.Shell[0] is 1 and not a string"),
    "label": Refused('"config":{"Labels":{"a":1}}', "config.Labels.a is 1 and not a string"),
    "labels": Refused('"config":{"Labels":["a=b"]}', "config.Labels is a list and not an object"),
    "User": Refused('"config":{"User":0}', "config.User is 0 and not a string"),
    "StopSignal": Refused('"config":{"StopSignal":15}', "config.StopSignal is 15 and not a string"),
    "ExposedPorts": Refused('"config":{"ExposedPorts":["80"]}', "config.ExposedPorts is a list"),
    "Volumes": Refused('"config":{"Volumes":["/data"]}', "config.Volumes is a list"),
    "a volume": Refused('"config":{"Volumes":{"/data":""}}', 'config.Volumes./data is "" and not'),
    "health check": Refused(
        '"config":{"Healthcheck":{"Interval":"5s"}}',
        'config.Healthcheck.Interval is "5s" and not a whole number',
    ),
    "half a second": Refused('"config":{"Healthcheck":{"Timeout":0.5}}', "Timeout is 0.5 and not"),
    "an exponent": Refused('"config":{"Healthcheck":{"Retries":1e3}}', "Retries is 1e3 and not"),
    "one too large": Refused('"Size":9223372036854775808', "Size is 9223372036854775808"),
    "ArgsEscaped": Refused('"config":{"ArgsEscaped":"false"}', 'config.ArgsEscaped is "false"'),
    "Docker's config": Refused('"container_config":{"Cmd":5}', "container_config.Cmd is 5"),
    "other case": Refused('"config":{"CMD":"sh"}', 'config.CMD is "sh" and not'),
    "folded": Refused('"config":{"U\u017fer":5}', "config.U\u017fer is 5 and not a string"),
    "the first of two": Refused('"os":5,"os":"linux"', "os is 5 and not a string"),
    "variant": Refused('"variant":8', "variant is 8 and not a string"),
    "os.features": Refused('"os.features":"a"', 'os.features is "a" and not a list of strings'),
    "os.version": Refused('"os.version":10', "os.version is 10 and not a string"),
    "rootfs.type": Refused('"rootfs":{"type":1}', "rootfs.type is 1 and not a string"),
    "diff_ids": Refused('"rootfs":{"diff_ids":"a"}', "rootfs.diff_ids is"),
    "a diffID": Refused('"rootfs":{"diff_ids":[1]}', "rootfs.diff_ids[0] is 1 and not a string"),
    "history": Refused('"history":{}', "history is an object and not a list"),
    "empty_layer": Refused('"history":[{"empty_layer":1}]', "history[0].empty_layer is 1 and not"),
    "created_by": Refused('"history":[{"created_by":["a"]}]', "history[0].created_by is a list"),
    "author": Refused('"author":{"name":"a"}', "author is an object and not a string"),
    "deeper than Go reads": Refused('"x":' + "[" * 10_000 + "]" * 10_000, "more than 10000 levels"),
    "NaN": Refused('"x":NaN', "is not JSON"),
    "a tab": Refused('"author":"a\tb"', "is not JSON"),
    "a comma too many": Refused('"author":"a",', "is not JSON"),
}  # fmt: skip
TAKEN = {
    "plain": "",
    "null": '"created":null,"config":null,"history":null,"author":null,"Size":null',
    "nulls inside": '"config":{"Cmd":null,"Labels":{"a":null},"Env":[null],"Healthcheck":null}',
    "null in history": '"history":[null,{"created":null}]',
    "unknown": '"x":[1,{"a":null}],"config":{"Memory":"1G","Bogus":{}}',
    "other case": '"Created":"2024-05-06T07:08:09Z","CONFIG":{"cmd":["sh"],"USER":"0"}',
    "twice": '"config":{"Cmd":["a"]},"config":{"Entrypoint":["b"]},"os":"linux"',
    "year 0": '"created":"0000-01-01T00:00:00+05:00"',
    "year 9999": '"created":"9999-12-31T23:59:59-05:00"',
    "an hour of one digit": '"created":"2024-05-06T7:08:09Z"',
    "a comma": '"history":[{"created":"2024-05-06T07:08:09,1234567890123Z"}]',
    "60 minutes of zone": '"created":"2024-05-06T07:08:09+05:60"',
    "Docker's fields": '"id":"a","parent":"b","container":"c","docker_version":"d","Size":-1',
    "Docker's config": '"container_config":{"Cmd":"sh -c a","Tty":true,"StopTimeout":null}',
    "Shell a string": '"config":{"Shell":"sh","OnBuild":[],"StopTimeout":-1}',
    "health check": '"config":{"Healthcheck":{"Test":["NONE"],"Interval":5000000000,"Retries":0}}',
    "sets of anything": '"config":{"Volumes":{"/a":{"b":1},"/c":null},"ExposedPorts":{"x":{}}}',
    "empty": '"config":{},"history":[],"variant":"","":0,"rootfs":{"diff_ids":[]}',
    "escapes": r'"author":"\ud800\u0000\/","config":{"Labels":{"\u0061":"\ud83d\ude00"}}',
    "not UTF-8": '"author":"\udcff","\udcff":1,"config":{"Labels":{"\udcff":"\udcff"}}',
    "a long number": '"x":' + "9" * 5000,
    "as deep as Go reads": '"x":' + "[" * 9_999 + "]" * 9_999,
    "3 MiB": '"x":"' + "x" * (3 << 20) + '"',
}  # fmt: skip


def config_with(part: str) -> bytes:
    """Return a config in which ``part`` comes after what it may change."""
    return b"{" + PLAIN + f",{part}".rstrip(",").encode("utf-8", "surrogateescape") + b"}"


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
@pytest.mark.parametrize("case", REFUSED)
def test_what_podman_refuses_is_refused(hosts: Hosts, case: str, docker: bool) -> None:
    refused = REFUSED[case]
    config = b"{" + PLAIN + f",{refused.part}".encode() + b"}"
    with pytest.raises(RegistryError) as caught:
        oci.parse_config(config)
    assert refused.said in caught.value.message
    assert hosts.takers(config, docker=docker) <= refused.takers


def test_podman_lists_all_that_paack_takes(hosts: Hosts, base: Path) -> None:
    """And pulls it: a store with every odd image at once hides none."""
    images = []
    for number, part in enumerate(TAKEN.values()):
        config, docker = config_with(part), number % 2 == 1
        assert hosts.takers(config, docker=docker) == set(ALL_KINDS), part[:80]
        images.append(hosts.put(config, docker=docker))
    paack = Paack(base, hosts.registry.registries_conf)
    (rpm,) = paack.build(paack.define(definition_text("odd-containers", images)))
    image = store_image(unpack_rpm(rpm, base / "rpm"))
    identifiers = {digest_of(config_with(part)).partition(":")[2] for part in TAKEN.values()}
    for podman in hosts.podmans.values():
        store = podman.home / "store"
        podman.mount_image(image, store, "squashfs")
        podman.use_stores([store])
        listed = podman.podman("images", "--no-trunc", "--format={{.ID}} {{.Digest}}").stdout
        assert {
            line.split()[0].removeprefix("sha256:") for line in listed.split("\n") if line
        } == identifiers
        podman.use_stores([])
        podman.umount(store)


SCALARS = (
    "null", "true", "false", "0", "5", "-1", "1.5", "1e3", "9223372036854775807",
    "9223372036854775808", '""', '"x"', '"\udcff"', r'"\n"',
    '"2024-05-06T07:08:09Z"', '"2024-05-06T7:08:09.5+05:30"', '"2024-02-30T00:00:00Z"',
    '"0000-12-31T23:59:59Z"', '"2024-05-06 07:08:09Z"',
)  # fmt: skip
VALUES = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: (
        st.lists(inner, max_size=2).map(lambda items: f"[{','.join(items)}]")
        | st.dictionaries(st.sampled_from(['"a"', '"b"', '"Test"', '"created"']), inner, max_size=2)
        .map(lambda items: f"{{{','.join(f'{key}:{value}' for key, value in items.items())}}}")
    ),
    max_leaves=3,
)  # fmt: skip
TOP = (
    "id", "parent", "comment", "created", "container", "docker_version", "author", "architecture",
    "variant", "os", "os.version", "os.features", "Size", "rootfs", "history", "config",
    "container_config", "none",
)  # fmt: skip
CONTAINER = (
    "Hostname", "Domainname", "User", "AttachStdin", "AttachStdout", "AttachStderr", "Tty",
    "ExposedPorts", "OpenStdin", "StdinOnce", "Env", "Cmd", "Entrypoint", "Healthcheck",
    "ArgsEscaped", "Image", "Volumes", "WorkingDir", "NetworkDisabled", "MacAddress", "OnBuild",
    "Labels", "StopSignal", "StopTimeout", "Shell", "None",
)  # fmt: skip
HEALTH = ("Test", "StartPeriod", "Interval", "Timeout", "Retries", "None")
HISTORY = ("created", "author", "created_by", "comment", "empty_layer", "none")
PLACES = st.one_of(
    st.sampled_from(TOP).map(lambda name: (name,)),
    st.tuples(st.sampled_from(["config", "container_config"]), st.sampled_from(CONTAINER)),
    st.tuples(st.just("config"), st.just("Healthcheck"), st.sampled_from(HEALTH)),
    st.tuples(st.just("history"), st.sampled_from(HISTORY)),
    st.tuples(st.just("rootfs"), st.just("type")),
)
SPELLINGS: list[Callable[[str], str]] = [
    str,
    str.lower,
    str.upper,
    lambda name: name.replace("s", "\u017f"),
]


@st.composite
def parts(draw: st.DrawFn) -> str:
    """Draw a part of a config: one value in one place."""
    *outer, last = draw(PLACES)
    text = f'"{draw(st.sampled_from(SPELLINGS))(last)}":{draw(VALUES)}'
    for name in reversed(outer):
        inner = f"[{{{text}}}]" if name == "history" else f"{{{text}}}"
        text = f'"{draw(st.sampled_from(SPELLINGS))(name)}":{inner}'
    return text


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    print_blob=True,
)
@given(st.lists(parts(), min_size=1, max_size=3), st.booleans())
def test_paack_takes_what_every_podman_takes(hosts: Hosts, drawn: list[str], docker: bool) -> None:
    config = config_with(",".join(drawn))
    takers = hosts.takers(config, docker=docker)
    assert paack_takes(config) == (takers == set(ALL_KINDS)), (config, takers)


#: What a manifest may have besides, and whether it is taken.
MANIFESTS: tuple[tuple[dict[str, Any], bool], ...] = (
    ({"subject": {"mediaType": "x", "digest": "none", "size": 3}, "artifactType": "a/b"}, True),
    ({"subject": None, "artifactType": "", "annotations": None, "layers": None}, True),
    ({"annotations": {"a": None}, "fsLayers": None, "history": None, "manifests": None}, True),
    ({"descriptor": {"data": "e30=", "annotations": {"a": "b"}, "artifactType": "c"}}, True),
    ({"descriptor": {"platform": {"architecture": "arm64", "os": "linux"}}}, True),
    ({"SCHEMAVERSION": 2, "Layers": [], "unknown": {"a": [1]}}, True),
    ({"annotations": {"a": 1}}, False),
    ({"subject": "none"}, False),
    ({"artifactType": 1}, False),
    ({"manifests": []}, False),
    ({"schemaVersion": 2.0}, False),
    ({"descriptor": {"data": "e3!"}}, False),
    ({"descriptor": {"platform": {"os.features": "a"}}}, False),
)


def test_manifests_are_taken_as_podman_takes_them(hosts: Hosts) -> None:
    for number, (more, taken) in enumerate(MANIFESTS):
        config = config_with(f'"author":"manifest {number}"')
        image = hosts.put(config, more)
        raw = (hosts.registry.layout / "blobs/sha256" / image.rpartition(":")[2]).read_bytes()
        # Where they differ, as podman 4.3 knows no artifactType, paack takes what all take.
        assert (hosts.takers_of(image, config) == set(ALL_KINDS)) == taken, more
        if taken:
            assert oci.parse_manifest(raw).config.digest == digest_of(config)
        else:
            with pytest.raises(RegistryError):
                oci.parse_manifest(raw)
