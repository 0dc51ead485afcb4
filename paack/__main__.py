"""``python -m paack``: the program."""

import sys

from paack.commands import main

sys.argv[0] = "paack"  # as it is called in usage, completion and hints
main()
