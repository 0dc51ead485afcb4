"""Names that podman's own storage hides, images that break a listing, containers to be updated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.device.doctor_host import CONTAINER, DOCTOR, MOUNT, PATH, DoctorHost
from tests.device.packages import APP, Packages
from tests.support.commands import run
from tests.support.other_store import Config, copy_records
from tests.support.podman import ALL_KINDS, Kind

SECOND = Path("/run/second")
CURE = f"({DOCTOR} --repair)"


@pytest.fixture(scope="module", params=ALL_KINDS)
def host(request: pytest.FixtureRequest, packages: Packages) -> Iterator[DoctorHost]:
    kind: Kind = request.param
    with DoctorHost(kind, packages) as host:
        host.host.run(["mkdir", str(SECOND)])
        host.host.run(["ln", "--symbolic", f"{MOUNT}/overlay", f"{SECOND}/overlay"])
        yield host


@pytest.fixture
def app(host: DoctorHost, packages: Packages) -> Iterator[str]:
    """The name of an image of the store; afterwards nothing is left of what was done with it."""
    yield packages.image("app:1")
    host.podman("rm", "--force", "--all", "--time=0")
    host.use_stores([PATH])
    for record in host.records("images"):
        host.podman("rmi", "--force", record["id"])
    assert found(host, "WARN") + found(host, "FAIL") == []


def found(host: DoctorHost, status: str) -> list[str]:
    """Return what the doctor finds, but for how sid's podman takes these tests' storage.conf."""
    of_these_tests = (" twice", " 2 times", "/storage.conf sets runroot or graphroot: ")
    return [
        line
        for line in host.doctor().of(status)
        if not any(words in line for words in of_these_tests)
    ]


def is_known(host: DoctorHost, name: str) -> bool:
    """Return whether podman finds the image."""
    return host.podman("image", "exists", name, check=False).returncode == 0


def image_id(host: DoctorHost, name: str) -> str:
    return host.podman("image", "inspect", "--format={{.Id}}", name).stdout.strip()


def test_a_name_that_untag_hides(host: DoctorHost, app: str) -> None:
    """Read-write storage has a record without layers then, with another name."""
    host.podman("tag", app, "localhost/app:mine")
    host.podman("untag", app, app)
    said = host.doctor()
    if host.kind == "debian12":
        assert is_known(host, app)
        assert said.of("FAIL") == []
        return
    assert not is_known(host, app)
    message = f"images: podman does not find {app}: its own storage has the image by other names"
    assert said.of("FAIL") == [f"{message} {CURE}"]
    before = host.records("images")
    assert f"names: {app} is found again" in host.doctor("--repair").of("ok")
    assert is_known(host, app) and is_known(host, "localhost/app:mine")
    assert host.doctor().code == 0
    # Without podman the record is written: it comes to the same names.
    host.podman("untag", app, app)
    assert host.records("images") == before
    assert f"names: {app} is found again" in host.without_podman("--repair").of("ok")
    (record,) = host.records("images")
    assert sorted(record["names"]) == sorted([app, *before[0]["names"]])
    assert is_known(host, app) and is_known(host, "localhost/app:mine")


def test_a_name_that_a_pull_hides(host: DoctorHost, app: str, packages: Packages) -> None:
    """Of the same image by the name of a store that is listed before; a container goes on."""
    mirror = packages.image("mirror:1")
    tls = ["--src-tls-verify=false", "--dest-tls-verify=false"]
    run(["skopeo", "copy", "--all", *tls, f"docker://{app}", f"docker://{mirror}"])
    outside = host.host.outside
    repository = mirror.rpartition(":")[0]
    copy_records(
        outside(MOUNT),
        outside(SECOND),
        lambda name: name.replace(app.rpartition(":")[0], repository),
    )
    host.use_stores([SECOND, PATH])
    assert is_known(host, app) and is_known(host, mirror)
    host.podman("pull", "--quiet", f"docker://{mirror}")
    host.podman("run", "--detach", "--name=runs", *CONTAINER, mirror, "sleep", "1000")
    hidden = [] if host.kind == "debian12" else [app]
    assert [name for name in (app, mirror) if not is_known(host, name)] == hidden
    assert len([line for line in host.doctor().of("FAIL") if CURE in line]) == len(hidden)
    for doctor in (host.doctor, host.without_podman):
        said = doctor("--repair")
        assert said.code == 0
        again = f"names: {app} is found again"
        assert (again in said.of("ok")) == bool(hidden or doctor != host.doctor)
        assert is_known(host, app) and is_known(host, mirror)
        host.podman("untag", app, app)
    assert host.podman("exec", "runs", "cat", "/name").stdout == "app:1\n"
    assert image_id(host, mirror) == host.records("images")[0]["id"]


def broken_time(config: Config) -> None:
    config["created"] = ""


def broken_command(config: Config) -> None:
    config["config"]["Cmd"] = "/bin/sh"


@pytest.mark.parametrize("change", [broken_time, broken_command])
def test_an_image_that_breaks_the_listing(host: DoctorHost, app: str, change: object) -> None:
    """One that podman cannot decode, in a store of another maker."""
    outside = host.host.outside
    host.host.run(["rm", "-rf", f"{SECOND}/overlay-images", f"{SECOND}/overlay-layers"])
    assert callable(change)
    copy_records(
        outside(MOUNT),
        outside(SECOND),
        lambda name: f"broken.example.com/{name.split('/')[1]}",
        change,
    )
    images = outside(SECOND / "overlay-images/images.json")
    images.write_text(json.dumps(json.loads(images.read_text())[:1]))
    (broken,) = json.loads(images.read_text())[0]["names"]
    host.use_stores([PATH, SECOND])
    assert host.podman("images", check=False).returncode == 125
    before = host.files()
    said = host.doctor()
    assert said.code == 1
    (line,) = said.of("FAIL")
    assert line.startswith(
        f"images: podman lists no image at all because of {broken} in {SECOND}: "
    )
    assert "parsing time" in line or "cannot unmarshal" in line
    assert line.endswith("(take the store off its list)")
    assert [path for path in host.files().keys() ^ before.keys() if "lock" not in path] == []
    assert host.host.run(["sh", "-c", "ls -d /run/.paack-trial*"], check=False).stdout == ""


UPDATES = "podman auto-update fails while runs runs: its image is in a read-only store"


def test_containers_to_be_updated(host: DoctorHost, app: str) -> None:
    """podman looks for their images in its own storage only."""
    labels = ["io.containers.autoupdate", "PODMAN_SYSTEMD_UNIT=some.service"]
    for value in ("registry", "local", "disabled"):
        options = [f"--label={labels[0]}={value}", f"--label={labels[1]}"]
        host.podman("run", "--detach", "--name=runs", *options, *CONTAINER, app, "sleep", "1000")
        done = host.podman("auto-update", "--dry-run", check=False)
        assert ("no image found for ID" in done.stderr) == (value != "disabled")
        warnings = found(host, "WARN")
        assert [line.partition(" (")[0] for line in warnings] == (
            [] if value == "disabled" else [f"updates: {UPDATES}"]
        )
        assert all(f"run it with --label {labels[0]}=disabled" in line for line in warnings)
        host.podman("rm", "--force", "--time=0", "runs")


def test_kubelet_and_policies(host: DoctorHost, app: str) -> None:
    """On a host with CRI-O's configuration."""
    host.write(Path("/usr/sbin/crio"), "", 0o755)
    conf = Path(f"/etc/crio/crio.conf.d/50-{APP}.conf")
    host.host.run(["install", "-D", f"/usr/share/paack/{APP}/crio.conf", str(conf)])
    assert found(host, "WARN") + found(host, "FAIL") == []
    policy = Path("/etc/policy.json")
    host.write(Path("/etc/crio/crio.conf"), f'[crio.image]\nsignature_policy = "{policy}"\n')
    unread = f"policy: signature_policy {policy} cannot be read: cri-o makes no container"
    assert host.doctor().of("FAIL") == [f"{unread} (write it)"]
    accept, reject = ([{"type": kind}] for kind in ("insecureAcceptAnything", "reject"))
    rejects = json.dumps({"default": accept, "transports": {"docker": {app: reject}}})
    host.write(policy, rejects)
    host.write(Path("/etc/crio/policies/prod.json"), rejects)
    refused = f"does not accept {app}: cri-o makes no container of that"
    assert found(host, "FAIL")[0].startswith(f"policy: signature_policy {policy} {refused}")
    where = "policy: in the namespace prod /etc/crio/policies/prod.json"
    assert found(host, "WARN")[0].startswith(f"{where} {refused}")
    for path in (policy, Path("/etc/crio/policies/prod.json")):
        host.write(path, json.dumps({"default": accept}))
    assert found(host, "WARN") + found(host, "FAIL") == []

    pulling = Path("/var/lib/kubelet/image_manager/pulling/sha256-0")
    host.write(pulling, json.dumps({"kind": "ImagePullIntent", "image": app}))
    assert found(host, "WARN") == [
        f"kubelet: it pulls {app} although it is here, as it began to do so before "
        f"(rm {pulling}; systemctl restart kubelet)"
    ]
    host.host.run(["rm", str(pulling)])
    config = Path("/etc/microshift/config.yaml")
    host.write(config, "kubelet:\n  imagePullCredentialsVerificationPolicy: AlwaysVerify\n")
    (line,) = found(host, "WARN")
    assert line.startswith(f"kubelet: in {config}: AlwaysVerify: it pulls ")
    assert app.rpartition(":")[0] in line
    host.host.run(["rm", str(config)])
    host.host.run(["rm", "-r", "/usr/sbin/crio", "/etc/crio"])
