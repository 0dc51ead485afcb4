"""What an ordinary user cannot test (mounts, other users, Debian's roots) is skipped."""

import os

import pytest

IS_ROOT = os.geteuid() == 0
#: Prefix: the program has no network. An ordinary user needs a user namespace for that.
OFFLINE = ("unshare", "--net") if IS_ROOT else ("unshare", "--map-current-user", "--net")


def need_root(why: str) -> None:
    """Skip the test that runs, or all that a fixture is for, unless root runs the tests."""
    if not IS_ROOT:
        pytest.skip(_reason(why))


def needs_root(why: str) -> pytest.MarkDecorator:
    """Return a mark for tests that only root can run."""
    return pytest.mark.skipif(not IS_ROOT, reason=_reason(why))


def _reason(why: str) -> str:
    return f"needs root: {why}"
