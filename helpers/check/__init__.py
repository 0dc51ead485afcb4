"""Checking definitions, manifests and locks together."""

from paack.helpers.check.check import check
from paack.helpers.check.findings import Finding
from paack.helpers.check.gate import Gate
from paack.helpers.check.lock import lock_problems
from paack.helpers.check.missing import add_missing
from paack.helpers.check.packaged import wanted_name

__all__ = ["Finding", "Gate", "add_missing", "check", "lock_problems", "wanted_name"]
