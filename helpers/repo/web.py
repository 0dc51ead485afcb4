"""A published repository as its clients see it: files below a directory or a URL."""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from paack.helpers.errors import VerificationError

_URL = re.compile(r"https?://[^\s/]+(?:/\S*)?")
_SECONDS = 60
_CHUNK = 1 << 20
_MISSING = (403, 404, 410)


def is_url(where: str) -> bool:
    """Whether this names a web server's directory."""
    return _URL.fullmatch(where) is not None


@dataclass(frozen=True, slots=True)
class Tree:
    """Files below ``where``, a directory or a URL; ``scratch`` is for what is downloaded."""

    where: str
    scratch: Path

    @contextmanager
    def file(self, path: str, size: int | None = None) -> Iterator[Path | None]:
        """Yield a file that can be read during the block, or None when it is not there.

        Raises VerificationError when the server fails, or sends more than ``size`` bytes.
        """
        if not is_url(self.where):
            local = Path(self.where) / path
            yield local if local.is_file() else None
            return
        target = self.scratch / path.replace("/", "_")
        try:
            yield target if self._download(path, target, size) else None
        finally:
            target.unlink(missing_ok=True)

    def read(self, path: str) -> bytes | None:
        """Return the content of a small file, or None when it is not there."""
        with self.file(path) as file:
            return file.read_bytes() if file else None

    def _download(self, path: str, target: Path, size: int | None) -> bool:
        url = f"{self.where.rstrip('/')}/{quote(path)}"
        try:
            with (
                urllib.request.urlopen(url, timeout=_SECONDS) as answer,  # noqa: S310 - see is_url
                target.open("wb") as file,
            ):
                while chunk := answer.read(_CHUNK):
                    file.write(chunk)
                    if size is not None and file.tell() > size:
                        hint = "is the server another, or its repodata older?"
                        raise VerificationError(f"{url}: more than {size} bytes come", hint=hint)
                missing = int(answer.headers.get("Content-Length") or file.tell()) - file.tell()
        except urllib.error.HTTPError as error:
            if error.code in _MISSING:
                return False
            raise VerificationError(f"{url}: {error}", hint="try again") from error
        except (OSError, http.client.HTTPException) as error:
            raise VerificationError(f"{url}: {error}", hint="is the server up?") from error
        if missing:
            raise VerificationError(f"{url}: {missing} bytes are missing", hint="try again")
        return True
