"""Which images may not be published for everybody, by the terms of those who made them.

Everyone can download what is in a public Copr project. Images from the places in ``REFUSED`` are
under terms that do not allow that. Who has a permission (or a Copr that is not public) says so with
``--redistribute REGISTRY/REPOSITORY``; see docs/farm.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from paack.helpers.definition.definition import Definition
from paack.helpers.errors import Place, PublishError
from paack.helpers.oci import Reference


@dataclass(frozen=True, slots=True)
class Terms:
    """Images below ``prefix`` (a registry, or the beginning of a repository) and why not."""

    prefix: str
    why: str


_SUBSCRIPTION = "it is for holders of a Red Hat subscription"

#: Asked in this order, after FREE and what the user permits.
REFUSED = (
    Terms("registry.redhat.io", _SUBSCRIPTION),
    Terms("registry.connect.redhat.com", "it is for customers of a Red Hat partner"),
    Terms("registry.access.redhat.com", "of Red Hat's images, only UBI may be passed on"),
    Terms("quay.io/openshift-release-dev", f"OpenShift's payload: {_SUBSCRIPTION}"),
    Terms("cp.icr.io", "it is for holders of an IBM entitlement"),
    Terms("nvcr.io", "NVIDIA's container licence does not allow to pass it on"),
)
#: Below a refused place, and yet free: the UBI EULA allows redistribution.
FREE = tuple(f"registry.access.redhat.com/ubi{number}" for number in ("", 7, 8, 9, 10))


def check_redistribution(definition: Definition, permitted: Sequence[str] = ()) -> None:
    """Raise PublishError for images that may not be redistributed, all at once.

    ``permitted`` are registries or beginnings of repositories that the user vouches for.
    """
    refused: dict[str, tuple[str, int]] = {}
    for _, image in definition.images():
        source = image.source
        for reference in filter(None, (source.origin, source.reference)):
            why = why_refused(reference, permitted)
            if why:
                refused.setdefault(reference.repo, (why, image.line))
    if refused:
        lines = [f"  {repo} (line {line}): {why}" for repo, (why, line) in refused.items()]
        raise PublishError(
            "these images may not be given to everybody:\n" + "\n".join(lines),
            place=Place(definition.file),
            hint="leave them out, or host the RPMs yourself; with a permission, or a Copr that is "
            f"not public: --redistribute {next(iter(refused))}",
        )


def why_refused(reference: Reference, permitted: Iterable[str] = ()) -> str | None:
    """Return why an image may not be redistributed, or None."""
    if any(_is_below(reference.repo, prefix) for prefix in (*FREE, *permitted)):
        return None
    return next((each.why for each in REFUSED if _is_below(reference.repo, each.prefix)), None)


def _is_below(repo: str, prefix: str) -> bool:
    prefix = prefix.rstrip("/")
    return repo == prefix or repo.startswith(f"{prefix}/")
