"""CPU architectures: RPM's word, and what the OCI image specification (GOARCH) calls it."""

from __future__ import annotations

from types import MappingProxyType

#: RPM arch -> (OCI architecture, OCI variants that run on it, best first).
OCI_ARCH = MappingProxyType(
    {
        "x86_64": ("amd64", ("", "v1")),
        "aarch64": ("arm64", ("", "v8")),
        "ppc64le": ("ppc64le", ("",)),
        "s390x": ("s390x", ("",)),
        "riscv64": ("riscv64", ("",)),
    }
)


def oci_arch(rpm_arch: str) -> str:
    """Return the OCI architecture (``amd64``) of an RPM arch (``x86_64``)."""
    return OCI_ARCH[rpm_arch][0]


def rpm_arch(oci: str) -> str | None:
    """Return the RPM arch of an OCI architecture, or None when it is not known."""
    return next((rpm for rpm, (name, _) in OCI_ARCH.items() if name == oci), None)


def rpm_arch_hint(word: str) -> str | None:
    """Return a hint to write RPM's word for OCI's; None when there is no other."""
    name = rpm_arch(word)
    return f"write {name}, as RPM calls {word}" if name and name != word else None
