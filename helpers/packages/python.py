"""Python's packages: METADATA of wheels, PKG-INFO of eggs (Core metadata specifications)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from paack.helpers.packages.fields import paragraphs
from paack.helpers.packages.package import Package, clean

_CLASSIFIER = re.compile(r"^Classifier: License :: (?:.* :: )?(.+)$", re.M)
_SHORT = 200


def metadata(text: str) -> Iterator[Package]:
    """Yield the package of a metadata file."""
    head = text.replace("\r\n", "\n").partition("\n\n")[0]
    fields = next(paragraphs(head), {})
    name, version = fields.get("name", ""), fields.get("version", "")
    if not name or not version:
        return
    said = fields.get("license-expression") or fields.get("license", "")
    if not said or "\n" in said or len(said) > _SHORT:  # the text of a licence
        said = " AND ".join(_CLASSIFIER.findall(head)[:5])
    supplier = fields.get("author") or fields.get("author-email", "")
    license_ = clean(said) if said != "UNKNOWN" else ""
    supplier = clean(supplier, _SHORT) if supplier != "UNKNOWN" else ""
    yield Package("pypi", clean(name), clean(version), license=license_, supplier=supplier)
