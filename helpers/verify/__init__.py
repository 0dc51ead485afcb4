"""Proving that RPMs hold what their locks name."""

from paack.helpers.verify.demands import Demands
from paack.helpers.verify.verify import Verifier

__all__ = ["Demands", "Verifier"]
