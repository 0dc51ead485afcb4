"""Licences of packages that no tool will recognise."""

from __future__ import annotations

from collections.abc import Iterator

from paack.helpers.check.findings import Finding
from paack.helpers.definition import Definition
from paack.helpers.errors import DefinitionError, Place
from paack.helpers.licenses import spdx_expression


def license_findings(definition: Definition) -> Iterator[Finding]:
    """Yield a warning for each package whose licence is no SPDX expression."""
    for package in definition.packages:
        said = package.license != "Unknown"  # what a definition without a licence has
        if said and spdx_expression(package.license, own=True) is None:
            error = DefinitionError(
                f"{package.name}: {package.license!r} is no SPDX licence expression",
                place=Place(definition.file, package.line),
                hint="license: MIT AND (Apache-2.0 OR GPL-2.0-only), or LicenseRef-NAME",
            )
            yield Finding("definition", error, warning=True)
