"""What an update changes."""

from paack.helpers.diff.diff import diff
from paack.helpers.diff.side import side_of

__all__ = ["diff", "side_of"]
