"""What is wrong with one image that manifests name: its name, tag or pull policy."""

from __future__ import annotations

from collections.abc import Iterator

from paack.helpers.check.findings import Finding
from paack.helpers.check.packaged import wanted_name
from paack.helpers.errors import DefinitionError
from paack.helpers.kubernetes import Need, full_name


def use_findings(need: Need) -> Iterator[Finding]:
    """Yield what is wrong with one use, whatever is packaged."""
    use = need.use
    if need.ignored:
        return
    reference = full_name(use.image)
    if reference is None:
        message = f"{use.image!r} is not the name of an image ({use.where})"
        hint = "render templates and variables first"
        yield Finding("name", DefinitionError(message, place=use.place, hint=hint))
        return
    latest = reference.tag == "latest"
    if use.policy == "Always":
        message = f"{use.image} would be pulled at each start: the pull policy is Always"
        hint = "write IfNotPresent or Never"
        yield Finding("pull", DefinitionError(message, place=use.place, hint=hint))
    elif latest and use.policy == "":
        message = f"{use.image} would be pulled at each start: the tag is latest"
        hint = "name a version, or write imagePullPolicy: IfNotPresent"
        yield Finding("pull", DefinitionError(message, place=use.place, hint=hint))
    elif latest:
        message = f"{use.image} does not say which version it is"
        hint = "name a version, or a digest"
        error = DefinitionError(message, place=use.place, hint=hint)
        yield Finding("latest", error, warning=True)
    if not use.image.startswith(f"{reference.repo}"):
        message = f"{use.image} is a short name: which registry it means is the device's setting"
        hint = f"write {wanted_name(reference)}"
        error = DefinitionError(message, place=use.place, hint=hint)
        yield Finding("short-name", error, warning=True)
