"""Licence expressions of SPDX (specification 2.3, annex D), by license-expression's list."""

from __future__ import annotations

from functools import cache
from typing import Any

#: Longer texts are no expression that anyone writes.
LIMIT = 1000
_OWN = ("LicenseRef-", "DocumentRef-")


def spdx_expression(text: str, *, own: bool = False) -> str | None:
    """Return ``text`` as SPDX writes it (mit: MIT), or None when it is no expression.

    With ``own``, names that are not in SPDX's list may be in it as LicenseRef-NAME.
    """
    from license_expression import ExpressionError

    try:
        parsed = _licensing().parse(text, strict=True) if len(text) <= LIMIT else None
    except (ExpressionError, RecursionError):
        return None
    if parsed is None:
        return None
    unknown = _licensing().unknown_license_symbols(parsed)
    if not all(own and symbol.key.startswith(_OWN) for symbol in unknown):
        return None
    return str(parsed.render())


@cache
def _licensing() -> Any:
    """Return SPDX's list; reading it takes about half a second."""
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()
