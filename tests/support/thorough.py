"""Whether tests take every case (`make test-thorough`), or some of each kind, as in CI."""

import os
from typing import Final

import pytest

THOROUGH: Final = "PAACK_TEST_THOROUGH" in os.environ
#: Marks a test that others stand for, in part, and that takes long.
only_thorough: Final = pytest.mark.skipif(not THOROUGH, reason="only in make test-thorough")
