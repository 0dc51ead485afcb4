"""The tasks of ``invoke`` and of the program ``paack``: parse, call one helper, print.

stdout is data (paths, a schema), stderr is talk. Helpers are imported inside the tasks:
``paack --help`` must not wait for what only a build needs.
"""

from paack.commands.collection import ns
from paack.commands.program import main

__all__ = ["main", "ns"]
