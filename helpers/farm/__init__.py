"""Building elsewhere: mock on this machine, Copr on its own."""

from paack.helpers.farm.copr import Options, publish
from paack.helpers.farm.mock import Mock

__all__ = ["Mock", "Options", "publish"]
