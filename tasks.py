"""The tasks that ``invoke`` shows; they are in paack/commands/."""

from paack.commands import ns

__all__ = ["ns"]
