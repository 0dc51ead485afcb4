"""Settings of hypothesis: no test may fail for being slow, and CI draws the same examples."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "paack",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("paack")
