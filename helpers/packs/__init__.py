"""Packs of a lock, wherever they are."""

from paack.helpers.packs.source import PackSource, Published

__all__ = ["PackSource", "Published"]
