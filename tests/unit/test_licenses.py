"""Licence expressions, compared with SPDX's own parser of documents."""

from __future__ import annotations

import pytest

from paack.helpers.licenses import LIMIT, spdx_expression

EXPRESSIONS = {
    "MIT": "MIT",
    "mit": "MIT",
    "MIT and Apache-2.0": "MIT AND Apache-2.0",
    "GPL-2.0": "GPL-2.0-only",
    "GPL-2.0+": "GPL-2.0-or-later",
    "MIT AND (Apache-2.0 OR BSD-3-Clause)": "MIT AND (Apache-2.0 OR BSD-3-Clause)",
    "GPL-2.0-only WITH Classpath-exception-2.0": "GPL-2.0-only WITH Classpath-exception-2.0",
    "BSD-2-Clause-Patent": "BSD-2-Clause-Patent",
    "BlueOak-1.0.0": "BlueOak-1.0.0",
}
OTHERS = [
    "", " ", "MIT License", "Mit License", "Apache 2.0", "ASL 2.0", "BSD", "MIT/Apache-2.0", "(",
    "MIT AND", "NONE", "é", "MIT WITH MIT", "Classpath-exception-2.0", "(" * 900 + "MIT",
    "MIT" + " OR MIT" * LIMIT,
]  # fmt: skip


@pytest.mark.parametrize(("text", "spdx"), EXPRESSIONS.items())
def test_expressions(text: str, spdx: str) -> None:
    assert spdx_expression(text) == spdx
    assert spdx_expression(spdx) == spdx


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_no_expression(text: str) -> None:
    assert spdx_expression(text) is None
    assert spdx_expression(text, own=True) is None


def test_names_of_ones_own_are_good_where_they_are_allowed() -> None:
    text = "MIT AND LicenseRef-acme"
    assert spdx_expression(text, own=True) == text
    assert spdx_expression(text) is None
