"""What systemd puts in the place of specifiers such as ``%N``; systemd.unit(5), "Specifiers".

Podman leaves them in a service as they are. Known here are those that follow from a unit's name,
and those that are alike on all devices; ``%H``, ``%m`` and others are not, and stay.
"""

from __future__ import annotations

import re

_SPECIFIER = re.compile(r"%(.)")
_ESCAPED = re.compile(rb"-|\\x([0-9a-f]{2})")
#: Of services of the system, which run as root.
_OF_ROOT = {
    "C": "/var/cache",
    "E": "/etc",
    "G": "0",
    "L": "/var/log",
    "S": "/var/lib",
    "U": "0",
    "g": "root",
    "h": "/root",
    "t": "/run",
    "u": "root",
}


def expanded(text: str, service: str) -> str:
    """Return a value with the specifiers that are known for ``service``, such as ``web@1.service``.

    Of a template (``web@.service``) its instance is not known, nor all that has it.
    """
    name = service.removesuffix(".service")
    prefix, at, instance = name.partition("@")
    last = prefix.rpartition("-")[2]
    known = {"%": "%", "p": prefix, "P": _unescaped(prefix), "j": last, "J": _unescaped(last)}
    if not at or instance:
        known |= {"n": service, "N": name, "i": instance, "I": _unescaped(instance)}
        known["f"] = f"/{_unescaped(instance or prefix)}"
    known |= _OF_ROOT
    return _SPECIFIER.sub(lambda match: known.get(match[1], match[0]), text)


def begins_with_specifier(path: str) -> bool:
    """Tell whether podman takes a path for an absolute one since it begins with a specifier."""
    return path.startswith("%") and not path.startswith("%%")


def _unescaped(name: str) -> str:
    """Return what systemd-escape(1) made a name of."""

    def byte(match: re.Match[bytes]) -> bytes:
        return bytes([int(match[1], 16)]) if match[1] else b"/"

    return _ESCAPED.sub(byte, name.encode()).decode("utf-8", "replace")
