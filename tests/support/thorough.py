"""Whether tests take every case (`make test-thorough`), or some of each kind, as in CI."""

import os
from typing import Final

THOROUGH: Final = "PAACK_TEST_THOROUGH" in os.environ
