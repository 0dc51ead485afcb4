"""Publishing to a directory: what changes and what does not, what is refused, what is kept."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.repo.conftest import NewDnf, NewPublisher
from tests.repo.publisher import Publisher, flip, packages, snapshot
from tests.support.commands import run
from tests.support.gpg import Key
from tests.support.tiny_rpm import Tiny

LARGE = 60_000_000
#: Runs paack and says how many bytes it read, with everything that Python reads.
METERED = """
import atexit, sys
import paack.commands
@atexit.register
def say():
    with open("/proc/self/io") as file:
        print(file.read(), file=sys.stderr)
paack.commands.main()
"""
NAMESPACE = {"repo": "http://linux.duke.edu/metadata/repo"}


def metered(mine: Publisher, *words: str) -> int:
    """Run paack; return how many bytes it read."""
    command, env = mine.paack.command(*words)
    command[command.index("-c") + 1] = METERED
    done = subprocess.run(command, env=env, cwd=mine.home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    match = re.search(r"^rchar: (\d+)$", done.stderr, re.MULTILINE)
    assert match is not None
    return int(match[1])


def header_digest(rpm: Path) -> str:
    """Return the digest of the immutable header, as rpm says it."""
    return run(["rpm", "-qp", "--nosignature", "--qf=%{SHA256HEADER}", str(rpm)]).stdout


def generations(repository: Path) -> list[int]:
    """Return the numbers of the generations that are there."""
    return sorted(int(path.name) for path in (repository / "x86_64" / "generations").iterdir())


def test_again_changes_no_byte(base: Path, publisher: NewPublisher) -> None:
    repository = base / "again"
    mine = publisher()
    mine.build(Tiny("app", "1.0", arches=["x86_64", "aarch64", "src"]))
    first = mine.publish(repository)
    assert len(first.stdout.split()) == 6  # three here, three there
    before = snapshot(repository), snapshot(mine.output / "repo")
    second = mine.publish(repository)
    assert second.stdout == ""
    for where in (mine.output / "repo", repository):
        assert f"no new package in {where}\n" in second.stderr
    for done in (first, second):
        device = f"curl -o /etc/yum.repos.d/paack.repo {mine.url}/again/paack.repo"
        assert done.stderr.count(device) == 1
        assert "unsigned" not in done.stderr
    assert (snapshot(repository), snapshot(mine.output / "repo")) == before


def test_the_same_packages_give_the_same_metadata(base: Path, publisher: NewPublisher) -> None:
    """Whatever the clock, the directory, the order in which they came."""
    app, tool = Tiny("app", "1.0", arches=["x86_64"]), Tiny("tool", "1.0", arches=["x86_64"])
    found = []
    for number, some in enumerate([[app, tool], [tool, app]]):
        mine = publisher(f"publisher-{number}")
        for package in some:
            mine.build(package)
            mine.publish(base / f"same-{number}", sign=False)
        data = (base / f"same-{number}" / "x86_64" / "repodata").glob("*")
        current = ET.parse(base / f"same-{number}" / "x86_64" / "repodata" / "repomd.xml")
        named = {each.attrib["href"] for each in current.iterfind(".//repo:location", NAMESPACE)}
        found.append(
            {
                path.name: path.read_bytes()
                for path in data
                if f"repodata/{path.name}" in named or path.name == "repomd.xml"
            }
        )
    assert len(found[0]) == 5
    assert found[0] == found[1]


def test_adding_a_package_does_not_read_the_others(
    base: Path, publisher: NewPublisher, tmp_path: Path
) -> None:
    repository = base / "large"
    mine = publisher()
    content = tmp_path / "content"
    content.write_bytes(os.urandom(LARGE))
    mine.build(Tiny("large", "1.0", arches=["x86_64"], content=content))
    words = [*mine.repo_words(), *mine.publish_words(repository)]
    assert metered(mine, *words) > LARGE
    (there,) = repository.glob("x86_64/Packages/*/large-*.rpm")
    (here,) = mine.output.glob("repo/x86_64/Packages/*/large-*.rpm")
    whole = there.read_bytes()
    for poisoned in (there, here):  # nothing but zeros: whoever reads it will see
        poisoned.unlink()
        with poisoned.open("wb") as file:
            file.truncate(len(whole))
    mine.build(Tiny("app", "1.0", arches=["x86_64"]))
    assert metered(mine, *words) < LARGE / 2
    assert packages(repository) == ["app-1.0-1.x86_64.rpm", "large-1.0-1.x86_64.rpm"]
    there.write_bytes(whole)
    assert mine.verify(repository).returncode == 0


def test_the_same_package_signed_again_stays(base: Path, publisher: NewPublisher) -> None:
    """As when a job runs on a new machine: the signature is another, the content is not."""
    repository = base / "resigned"
    app = Tiny("app", "1.0", arches=["x86_64"])
    first, second = publisher("first"), publisher("second")
    first.build(app)
    first.publish(repository)
    before = snapshot(repository)
    second.build(app)
    second.paack.call(*second.repo_words())
    (package,) = second.output.glob("repo/x86_64/Packages/*/*.rpm")
    package.unlink()  # not needed, either
    assert second.paack.call(*second.publish_words(repository)).stdout == ""
    assert snapshot(repository) == before


def test_other_content_is_refused(base: Path, publisher: NewPublisher) -> None:
    repository = base / "other"
    first, second = publisher("first"), publisher("second")
    first.build(Tiny("app", "1.0", content="one"), Tiny("tool", "1.0", content="one"))
    first.publish(repository)
    before = snapshot(repository)
    second.build(Tiny("app", "1.0", content="two"), Tiny("tool", "1.1"))
    done = second.publish(repository, check=False)
    assert done.returncode == 20
    for mine in (first, second):
        for arch in ("x86_64", "aarch64"):
            rpm = mine.output / "rpms" / arch / f"app-1.0-1.{arch}.rpm"
            assert header_digest(rpm) in done.stderr
    assert "raise the release" in done.stderr
    assert snapshot(repository) == before
    second.build(Tiny("app", "1.0", release="2", content="two"))
    for rpm in second.output.glob("rpms/*/app-1.0-1.*"):
        rpm.unlink()
    second.publish(repository)
    assert "app-1.0-2.x86_64.rpm" in packages(repository)


def test_old_versions_and_generations_go(base: Path, publisher: NewPublisher) -> None:
    repository = base / "old"
    mine = publisher()
    limits = ("--versions", "2", "--keep", "1")
    for version in ("1.9", "1.10~rc1", "1.10", "1.11"):
        mine.build(Tiny("app", version, arches=["x86_64"]))
        mine.publish(repository, *limits)
    named = (repository / "x86_64" / "repodata").resolve()
    assert generations(repository) == [3, 4]
    # the generation before still has 1.10~rc1
    expected = [f"app-{version}-1.x86_64.rpm" for version in ("1.10", "1.10~rc1", "1.11")]
    assert packages(repository) == sorted(expected)
    assert mine.verify(repository).stdout.count("x86_64: 2 packages") == 1
    mine.build(Tiny("tool", "1.0", arches=["x86_64"]))
    mine.publish(repository, *limits)
    assert packages(repository) == sorted([*expected[::2], "tool-1.0-1.x86_64.rpm"])
    assert not named.with_name("3").exists()
    assert (repository / "x86_64" / "repodata").resolve() != named


def test_a_client_that_is_half_way_finds_the_rest(base: Path, publisher: NewPublisher) -> None:
    """It has read repomd.xml; five times something new is published before it goes on."""
    repository = base / "half-way"
    mine = publisher()
    mine.build(Tiny("app", "1.0", arches=["x86_64"]))
    mine.publish(repository, "--versions", "1")
    repodata = repository / "x86_64" / "repodata"
    repomd = ET.fromstring((repodata / "repomd.xml").read_text())
    (package,) = repository.glob("x86_64/Packages/*/app-1.0-*.rpm")
    for number in range(1, 6):
        mine.build(Tiny("app", f"1.{number}", arches=["x86_64"]))
        mine.publish(repository, "--versions", "1")
    for data in repomd.iterfind("repo:data", NAMESPACE):
        location = data.find("repo:location", NAMESPACE)
        checksum = data.find("repo:checksum", NAMESPACE)
        assert location is not None and checksum is not None
        content = (repository / "x86_64" / location.attrib["href"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == checksum.text
    assert package.exists()
    mine.build(Tiny("app", "1.6", arches=["x86_64"]))
    mine.publish(repository, "--versions", "1")
    assert not package.exists()


def test_a_new_key_takes_over(
    base: Path, publisher: NewPublisher, client: NewDnf, other_key: Key
) -> None:
    repository = base / "rotation"
    old, new = publisher("old"), publisher("new", key=other_key)
    old.build(Tiny("app", "1.0", arches=["x86_64"]))
    old.publish(repository)
    repo = (repository / "paack.repo").read_text()
    there = client(repo)
    there.run("install", "app")
    new.build(Tiny("app", "1.1", arches=["x86_64"]))
    refused = new.publish(repository, check=False)
    assert refused.returncode == 20
    assert "--old-key" in refused.stderr
    new.publish(repository, "--old-key", old.key.fingerprint)
    there.run("upgrade")
    assert there.installed() == ["app-1.1-1.x86_64"]
    fresh = client(repo, "dnf5")
    fresh.run("install", "app-1.0")
    fresh.run("upgrade")
    assert fresh.installed() == ["app-1.1-1.x86_64"]
    assert new.verify(repository).returncode == 0
    only = new.verify(repository, "--key", other_key.fingerprint)
    assert "app-1.0-1.x86_64.rpm: signed by " in only.stderr
    before = snapshot(repository)
    assert new.publish(repository).stdout == ""
    assert snapshot(repository) == before


def test_signed_stays_signed(base: Path, publisher: NewPublisher) -> None:
    repository = base / "signed"
    mine, unsigned = publisher(), publisher("unsigned")
    mine.build(Tiny("app", "1.0", arches=["x86_64"]))
    mine.publish(repository)
    before = snapshot(repository)
    unsigned.build(Tiny("app", "1.1", arches=["x86_64"]))
    done = unsigned.publish(repository, sign=False, check=False)
    assert (done.returncode, "--sign" in done.stderr) == (20, True)
    assert f"error: {repository}/x86_64: is signed" in done.stderr
    done = unsigned.paack.call(*unsigned.publish_words(repository), check=False)
    assert (done.returncode, "app-1.1-1.x86_64.rpm is not signed" in done.stderr) == (20, True)
    assert snapshot(repository) == before


def test_unsigned(base: Path, publisher: NewPublisher, client: NewDnf) -> None:
    """It can be published and used, says so, and does not become signed unseen."""
    repository = base / "unsigned"
    mine = publisher()
    mine.build(Tiny("app", "1.0", arches=["x86_64"]))
    done = mine.publish(repository, sign=False)
    assert done.stderr.count("unsigned: anyone who can change the repository") == 1
    repo = (repository / "paack.repo").read_text()
    assert "gpgcheck=0" in repo and "gpgkey" not in repo
    there = client(repo)
    there.run("install", "app")
    assert there.installed() == ["app-1.0-1.x86_64"]
    assert "not signed" in mine.verify(repository).stderr
    assert mine.verify(repository, "--unsigned").returncode == 0
    done = mine.publish(repository, check=False)
    assert (done.returncode, f"{repository}/x86_64: is not signed" in done.stderr) == (20, True)


def test_what_was_made_signed_is_not_published_unsigned(
    base: Path, publisher: NewPublisher
) -> None:
    """It is said where the signed repository is, and how to get rid of it."""
    mine = publisher()
    mine.build(Tiny("app", "1.0", arches=["x86_64"]))
    mine.publish(base / "made-signed")
    done = mine.publish(base / "made-unsigned", sign=False, check=False)
    assert done.returncode == 20
    assert f"error: {mine.output}/repo/x86_64: is signed" in done.stderr
    assert f"rm -r {mine.output}/repo" in done.stderr
    shutil.rmtree(mine.output / "repo")
    mine.publish(base / "made-unsigned", sign=False)
    assert packages(base / "made-unsigned") == ["app-1.0-1.x86_64.rpm"]


def test_the_same_image_of_two_repositories_is_said(base: Path, publisher: NewPublisher) -> None:
    """Also of packages that were published before; older versions do not count."""
    mine = publisher()
    repository = base / "same-image"

    def build(name: str, version: str, *images: str) -> None:
        provides = [f"container-image({image})" for image in images]
        mine.build(Tiny(name, version, arches=["x86_64"], provides=provides))

    image, other = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
    build("a", "1", "quay.io/me/app:1", f"quay.io/me/app@{image}", f"quay.io/me/old@{other}")
    build("b", "1", f"quay.io/me/app@{image}", f"quay.io/me/other@{other}")
    done = mine.publish(repository)
    assert done.stderr.count("warning: ") == 2  # of `repo` and of `publish`
    assert "x86_64: quay.io/me/old in a and quay.io/me/other in b are the same image" in done.stderr
    build("b", "2", "mirror.example.com/app:1", f"mirror.example.com/app@{image}")
    done = mine.publish(repository)
    assert done.stderr.count("warning: ") == 2
    assert "quay.io/me/app in a and mirror.example.com/app in b are the same" in done.stderr
    build("a", "2", "quay.io/me/app:1", f"quay.io/me/app@{other}")
    assert "warning: " not in mine.publish(repository).stderr


def test_other_content_that_is_not_published_is_said(publisher: NewPublisher) -> None:
    mine = publisher()
    mine.build(Tiny("app", "1.0", arches=["noarch"], content="one"))
    assert "replaced" not in mine.paack.call(*mine.repo_words()).stderr
    mine.build(Tiny("app", "1.0", arches=["noarch"], content="two"))
    said = mine.paack.call(*mine.repo_words()).stderr
    assert said.count("replaced app-1.0-1.noarch.rpm, whose content changed without a new") == 1
    assert "replaced" not in mine.paack.call(*mine.repo_words()).stderr


def test_what_was_tampered_with_is_not_continued(base: Path, publisher: NewPublisher) -> None:
    """Else the next publisher would sign what somebody else put there."""
    repository = base / "tampered"
    mine = publisher()
    mine.build(Tiny("app", "1.0", arches=["x86_64"]))
    mine.publish(repository)
    repomd = repository / "x86_64" / "repodata" / "repomd.xml"
    repomd.write_text(repomd.read_text().replace("<revision>1", "<revision>2"))
    before = snapshot(repository)
    mine.build(Tiny("app", "1.1", arches=["x86_64"]))
    done = mine.publish(repository, check=False)
    assert (done.returncode, "is not of this content" in done.stderr) == (20, True)
    assert snapshot(repository) == before


def test_damaged_data_is_not_continued(base: Path, publisher: NewPublisher) -> None:
    repository = base / "damaged"
    mine = publisher()
    mine.build(Tiny("app", "1.0", arches=["x86_64"]))
    mine.publish(repository, sign=False)
    flip(next((repository / "x86_64" / "repodata").glob("*-primary.xml.gz")))
    mine.build(Tiny("app", "1.1", arches=["x86_64"]))
    done = mine.publish(repository, sign=False, check=False)
    assert (done.returncode, "-primary.xml.gz: has" in done.stderr) == (20, True)


def test_somebody_elses_repository_is_left_alone(base: Path, publisher: NewPublisher) -> None:
    repository = base / "createrepo"
    mine = publisher()
    (rpm,) = Tiny("app", "1.0", arches=["x86_64"]).build(base / "elsewhere")
    (repository / "x86_64").mkdir(parents=True)
    (repository / "x86_64" / rpm.name).write_bytes(rpm.read_bytes())
    run(["createrepo_c", "--quiet", str(repository / "x86_64")])
    before = snapshot(repository / "x86_64")
    mine.build(Tiny("app", "1.1", arches=["x86_64"]))
    done = mine.publish(repository, check=False)
    assert (done.returncode, "paack did not make" in done.stderr) == (20, True)
    assert snapshot(repository / "x86_64") == before


def test_a_signed_package_is_not_altered(publisher: NewPublisher) -> None:
    """Neither the copy in the repository, nor one that came signed by that key."""
    mine, again = publisher(), publisher("again")
    mine.build(Tiny("app", "1.0", arches=["x86_64"]))
    plain = (mine.output / "rpms" / "x86_64" / "app-1.0-1.x86_64.rpm").read_bytes()
    mine.paack.call(*mine.repo_words())
    (signed,) = mine.output.glob("repo/x86_64/Packages/*/app-*.rpm")
    content, inode = signed.read_bytes(), signed.stat().st_ino
    assert content != plain
    assert (mine.output / "rpms" / "x86_64" / signed.name).read_bytes() == content
    mine.paack.call(*mine.repo_words())
    assert (signed.read_bytes(), signed.stat().st_ino) == (content, inode)
    (again.output / "rpms" / "x86_64").mkdir(parents=True)
    (again.output / "rpms" / "x86_64" / signed.name).write_bytes(content)
    again.paack.call(*again.repo_words())
    (there,) = again.output.glob("repo/x86_64/Packages/*/app-*.rpm")
    assert there.read_bytes() == content


def test_two_publishers_at_once(base: Path, publisher: NewPublisher) -> None:
    """Both wait for a third; then one after the other: nothing is lost, nothing is mixed."""
    repository = base / "two"
    repository.mkdir()
    both = [publisher("first"), publisher("second")]
    running = []
    with (repository / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for number, mine in enumerate(both):
            mine.build(Tiny(f"app{number}", "1.0", arches=["x86_64"]))
            mine.paack.call(*mine.repo_words())
            command, env = mine.paack.command(*mine.publish_words(repository))
            process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
            assert process.stderr is not None
            assert process.stderr.readline().startswith("wait ")
            running.append(process)
        assert list(repository.iterdir()) == [repository / ".lock"]
    for process in running:
        assert process.communicate(timeout=60)[0] is None
        assert process.returncode == 0
    assert packages(repository) == ["app0-1.0-1.x86_64.rpm", "app1-1.0-1.x86_64.rpm"]
    assert "x86_64: 2 packages" in both[0].verify(repository).stdout


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["publish"], 2, "no destination"),
        (["publish", "--to", "x", "--sign", "me@example.com"], 2, "neither the ID"),
        (["publish", "--to", "x", "--sign", "0123456789ABCDEF"], 2, "no secret key"),
        (["publish", "--to", "x", "--keep", "0"], 2, "old generation"),
        (["publish", "--to", "x", "--compression", "xz"], 2, "compression"),
        (["publish", "--to", "x", "--url", "ftp://host/x"], 2, "not the address"),
        (["publish", "--to", "x", "--name", "a/b"], 2, "cannot be a repository's name"),
        (["repo.verify", "nowhere"], 2, "no directory"),
        (["repo.verify", ".", "--arch", "i386"], 2, "unknown arch"),
        (["repo.verify", ".", "--key", "nowhere"], 2, "neither a file nor the ID"),
        (["repo.verify", "."], 7, "no repository"),
        (["repo.verify", "http://127.0.0.1:1"], 6, "cannot be reached: Connection refused"),
    ],
)
def test_wrong_usage(publisher: NewPublisher, words: list[str], status: int, said: str) -> None:
    mine = publisher()
    done = mine.paack.call(*words, check=False)
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    assert "hint:" in done.stderr or status == 7
    assert sorted(path.name for path in mine.home.iterdir()) in ([], ["x"])


def test_an_expired_or_weak_key_does_not_sign(publisher: NewPublisher) -> None:
    mine = publisher()
    past = ("--faked-system-time", "20250601T000000!")
    expired = mine.gpg.key("expired", valid="1y", options=past)
    weak = mine.gpg.key("weak", algorithm="nistp256")
    for key, said in ((expired, "has expired"), (weak, "RSA 4096")):
        done = mine.paack.call("repo", "--sign", key.fingerprint, check=False)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_a_wrong_passphrase(publisher: NewPublisher, tmp_path: Path) -> None:
    locked = publisher().gpg.key("locked", passphrase="right")
    mine = publisher("mine", key=locked)
    mine.gpg.forget()
    mine.build(Tiny("app", "1.0", arches=["x86_64"]))
    command, env = mine.paack.command(*mine.repo_words("--passphrase-fd", "0"))
    done = subprocess.run(command, env=env, input="wrong", capture_output=True, text=True)
    assert (done.returncode, "was not signed" in done.stderr) == (20, True), done.stderr
    assert list(mine.output.glob("repo/*/Packages/*")) == []
