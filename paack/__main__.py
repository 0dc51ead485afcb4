"""``python -m paack``: the program."""

from paack.commands import main

main()
