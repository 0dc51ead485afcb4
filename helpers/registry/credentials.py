"""The file with the credentials of registries, as podman login writes it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from paack.helpers.errors import UsageError


def credentials(authfile: str | None) -> Path | None:
    """Return the file that ``authfile``, or else REGISTRY_AUTH_FILE, names; None without.

    Raises UsageError when it is not there (skopeo would go on as if none had been named), or holds
    something else.
    """
    name = authfile or os.environ.get("REGISTRY_AUTH_FILE")
    if not name:
        return None
    hint = "--authfile FILE, or REGISTRY_AUTH_FILE: what podman login writes, or a pull secret"
    file = Path(name)
    if not file.exists():
        raise UsageError(f"{name}: there is no such file", hint=hint)
    if file.is_file():  # a pipe is read once
        try:
            content = json.loads(file.read_bytes())
        except OSError as error:
            raise UsageError(f"{name}: {error.strerror}", hint=hint) from error
        except ValueError as error:
            raise UsageError(f"{name}: holds no credentials, but {error}", hint=hint) from error
        if not isinstance(content, dict):
            raise UsageError(f"{name}: holds no credentials", hint=hint)
    return file
